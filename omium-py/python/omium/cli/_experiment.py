"""An experiment in a process of its own, in which every store is the scratch store and no effect runs.

    python -m omium.cli._experiment PLAN

How it ended is written beside the store, for the code may print and exit as it likes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omium.cli._code import load, program, start
from omium.cli._errors import CommandError
from omium.cli._target import quoted
from omium.cli.run import made_id
from omium.recovery._experiment import Ended, Plan

if TYPE_CHECKING:
    from omium._omium import Execution

__all__ = ["check", "run"]

_ENDED = "ended.json"
_ELSEWHERE = "elsewhere"
"""Who ended a program that never opened the execution."""


def check(execution: Execution, code: str | None) -> None:
    """Refuses an experiment that does not know what to run."""
    program(code)
    if code is not None or (execution.source is not None and execution.workflow != "langgraph"):
        return
    id = quoted(execution.id)
    if execution.workflow == "langgraph":
        hint = f"name the compiled graph: omium why {id} --confirm --code agent.py:graph"
        raise CommandError(f"{id} is a LangGraph thread, and the record does not say where its graph is", hint)
    raise CommandError(
        f"the record of {id} does not say which program made it",
        f"name it, with its arguments: omium why {id} --confirm --code 'agent.py ARGUMENTS'",
    )


def run(plan: Plan, code: str | None) -> Ended:
    """Makes the experiment, and waits for its end.

    A program that does not open the execution itself ran under `omium run`, and is run within it.
    """
    named = program(code)
    if named is None:
        return _run(plan, code, around=False)
    within = plan.id == made_id(*named)
    ended = None if within else _run(plan, code, around=False)
    return _run(plan, code, around=True) if ended is None or ended.by == _ELSEWHERE else ended


def _run(plan: Plan, code: str | None, *, around: bool) -> Ended:
    ended = Path(plan.store).with_name(_ENDED)
    ended.unlink(missing_ok=True)
    done = subprocess.run(  # noqa: S603  # The user asked for this program to be run.
        [sys.executable, "-m", __spec__.name, json.dumps([plan, code, around])],
        env={**os.environ, "OMIUM_STORE": plan.store},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if not ended.exists():
        talk = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return Ended("exit", talk[-1] if talk else f"its process ended with {done.returncode}", "omium")
    return Ended(*json.loads(ended.read_text("utf-8")))


def main(plan: Plan, code: str | None, around: bool) -> None:
    import omium
    from omium import _omium, config
    from omium.exceptions import OmiumError
    from omium.recovery._experiment import trial_of
    from omium.recovery._trial import Refused
    from omium.runtime import _boundary, _context, _live

    config.confine(plan.store)
    omium.init(detect=None)
    _live.trial = trial_of(_omium.Store(plan.store), plan)
    _context.refuse_outside = partial(_refuse, plan.live)
    opened: set[str] = set()
    ended = Ended()
    try:
        if (named := program(code)) is not None:
            _boundary.watcher = lambda boundary: opened.add(boundary.execution)
            with omium.execution(plan.id) if around else nullcontext():
                start(*named)
        else:
            _go_on(config.store().execution(plan.id), code)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # The verdict says what it means.
        failed = not isinstance(error, SystemExit) or error.code not in (None, 0)
        by = "experiment" if isinstance(error, Refused) else "omium" if _is_ours(error, OmiumError) else None
        told = str(error) if isinstance(error, Refused) else _live.describe(error)
        ended = Ended(type(error).__qualname__, told, by) if failed else ended
    if _boundary.watcher is not None and plan.id not in opened:
        ended = ended._replace(by=_ELSEWHERE)
    Path(plan.store).with_name(_ENDED).write_text(json.dumps(ended), "utf-8")


def _is_ours(error: BaseException, base: type) -> bool:
    from omium.exceptions import CheckFailed

    return isinstance(error, base) and not isinstance(error, CheckFailed)


def _refuse(live: bool, kind: str, name: str) -> None:
    """The code of plain steps does run."""
    from omium.recovery._trial import Refused

    if kind == "effect" or (kind == "llm" and not live):
        raise Refused(f"{name} is called outside of any execution, and does not run here")


def _go_on(execution: Execution, code: str | None) -> None:
    """Runs the code on: a workflow by its source, a graph by its thread."""
    import omium

    if code is None:
        load(execution.source or "")
        omium.get(execution.id).resume()
        return
    found: Any = load(code)
    if execution.workflow == "langgraph":
        if not hasattr(found, "invoke"):
            raise CommandError(f"{code} is no compiled graph", "name what `compile()` returned, as agent.py:graph")
        found.invoke(None, {"configurable": {"thread_id": execution.id}})
        return
    omium.get(execution.id).resume()


if __name__ == "__main__":
    given, code, around = json.loads(sys.argv[1])
    main(Plan(*given), code, around)
