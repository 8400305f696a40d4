"""`omium run SCRIPT`: runs a script inside an execution; the same command again continues it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from omium.cli._code import parsed, start
from omium.cli._errors import DONE, explain
from omium.cli._target import exists, mention_misplaced, quoted, scope_of
from omium.cli._terminal import Terminal, duration, plural, visible
from omium.cli._waiting import how_to_answer
from omium.runtime import _boundary

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import Store
    from omium.runtime._boundary import Boundary

__all__ = ["run", "run_in_execution"]

_TOLD = {"answered": ("↺", "<", "cyan"), "recorded": ("●", "*", "green"), "failed": ("✗", "x", "red")}


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Runs it to its end, or to where it waits. The exit code of the script is the command's."""
    import omium
    from omium import config

    mention_misplaced(arguments, terminal)
    # Nothing is begun for a script that cannot be.
    parsed(arguments.script)
    omium.init(store=arguments.store)
    id = arguments.id or made_id(arguments.script, arguments.arguments)
    # The program may go to another directory, or name another store for what it opens itself.
    store = config.store()
    teller = Teller(terminal)
    _boundary.watcher = teller.tell
    try:
        code = run_in_execution(arguments.script, arguments.arguments, id)
    except omium.Waiting as waiting:
        terminal.note(f"waiting: {waiting}")
        terminal.hint(f"{how_to_answer(store, waiting.execution or id)}, then run the same command again")
        return DONE
    except KeyboardInterrupt:
        terminal.note("interrupted: the same command again continues it")
        raise
    except Exception as error:  # noqa: BLE001  # As at the top of the command, with what may help.
        failed = _failed(store, teller)
        code = explain(error, terminal, failed or id)
        if failed is not None:
            terminal.note(teller.summary())
            terminal.hint(f"omium why {quoted(failed)} says why; the same command again goes on from there")
        return code
    finally:
        _boundary.watcher = None
    where = f"{quoted(id)}: " if exists(store, id) else ""
    terminal.note(where + teller.summary())
    for each in dict.fromkeys(teller.begun):
        if exists(store, each) and store.execution(each).status == "waiting":
            terminal.note(f"{quoted(each)} waits: {visible(store.execution(each).error or 'for an answer')}")
            terminal.hint(f"{how_to_answer(store, each)}, then run the same command again")
    return code


def _failed(store: Store, teller: Teller) -> str | None:
    """The innermost execution that failed, if any did."""
    begun = [each for each in dict.fromkeys(teller.begun) if exists(store, each)]
    return next((each for each in reversed(begun) if store.execution(each).status == "failed"), None)


def run_in_execution(script: str, arguments: list[str], id: str) -> int:
    """Runs the script inside the execution `id` and returns its exit code.

    Executions the script opens itself stay what they are. When it does everything in such, nothing is
    on record of `id`, which then is not kept.
    """
    import omium
    from omium import config

    code = 0
    store = config.store()
    try:
        with omium.execution(id, workflow=Path(script).stem):
            try:
                start(script, arguments)
            except SystemExit as stop:
                code = _code_of(stop)
                if code != 0:
                    raise
    except SystemExit:
        # The script gave up without an error: what it recorded is there for the next time.
        pass
    finally:
        _forget_empty(store, id)
    return code


def _forget_empty(store: Store, id: str) -> None:
    """Removes the execution when the script worked in others only."""
    nothing = all(entry.kind == "note" for entry in store.entries(id, all=True, limit=100))
    if nothing and len(store.executions(limit=2)) > 1:
        store.delete(id)


def made_id(script: str, arguments: list[str]) -> str:
    """The id of a command: its script and arguments make it."""
    from omium import _omium, codec

    path = Path(script).absolute()
    return f"{path.stem}-{_omium.digest(codec.dumps_inputs({'of': [str(path), *arguments]})).hex()[:8]}"


def _code_of(stop: SystemExit) -> int:
    if stop.code is None or isinstance(stop.code, int):
        return stop.code or 0
    import sys

    sys.stderr.write(f"{stop.code}\n")
    return 1


class Teller:
    """Says on stderr what came from the record and what ran."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._counts = {"answered": 0, "recorded": 0, "failed": 0}
        self._begun: dict[tuple[str, str, str, int], float] = {}
        self.begun: list[str] = []
        """The executions that were opened, one after the other."""
        self._ran: set[tuple[str, str, str, int]] = set()
        """Calls whose body began: an effect that a probe finds done has none."""

    def tell(self, boundary: Boundary) -> None:
        """A line for each call that is answered or has ended."""
        moment, kind, execution, scope, name, key, occurrence = boundary
        address = execution, scope, key, occurrence
        if moment == "begun":
            self.begun.append(execution)
        if moment == "claimed":
            self._begun[address] = time.monotonic()
        if moment == "body":
            self._ran.add(address)
        if moment not in _TOLD or kind in ("execution", "state"):
            return
        self._counts[moment] += 1
        terminal = self._terminal
        symbol, plain, colour = _TOLD[moment]
        mark = terminal.style(terminal.glyph(symbol, plain), colour, stream=terminal.err)
        took = duration(int((time.monotonic() - self._begun.pop(address, time.monotonic())) * 1000))
        remark = {"answered": "from the record", "recorded": f"ran, {took}", "failed": f"failed, {took}"}[moment]
        if moment == "recorded" and address not in self._ran:
            remark = "had happened before, not repeated"
        again = f" #{occurrence + 1}" if occurrence else ""
        label = terminal.clip(" › ".join([*scope_of(scope), name + again]), terminal.width - 30)
        terminal.note(f"{mark} {label}  {terminal.style(remark, 'dim', stream=terminal.err)}")

    def summary(self) -> str:
        """The last line."""
        answered, ran, failed = self._counts.values()
        failures = f", {failed:,} failed" if failed else ""
        return f"{plural(answered, 'call')} from the record, {ran:,} ran{failures}"
