"""`omium resume EXEC`: loads the code that made the record and lets it run on; `--all`, whatever nobody runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.cli._code import load, printing_aside
from omium.cli._errors import DONE, USAGE, CommandError
from omium.cli._interrupts import refuse_answer
from omium.cli._status import is_call, show_value, tree
from omium.cli._target import find, open_store, quoted
from omium.cli._terminal import Terminal, plural
from omium.cli._waiting import tell_what_it_waits_for

if TYPE_CHECKING:
    from argparse import Namespace

__all__ = ["code_of", "run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Resumes; what is recorded is not run again. Prints the result."""
    import omium

    _refuse_mixed(arguments)
    store = open_store(arguments, write=not arguments.dry_run)
    omium.init(store=store.path)
    if arguments.all:
        from omium.cli._resuming import run as run_all

        return run_all(arguments, terminal, store)
    execution = find(store, arguments.target)
    before = sum(is_call(entry) for entry in store.entries(execution.id) if entry.status == "done")
    over = execution.status in ("completed", "cancelled")
    if not over:
        with printing_aside(arguments.json):
            refuse_answer(store, execution)
            code_of(execution.id, execution.workflow, execution.source)
            omium.get(execution.id).resume()
    after = store.execution(execution.id)
    ran = sum(map(is_call, store.entries(execution.id, all=True, after=execution.last_seq)))
    if arguments.json:
        from omium.view._inspect import to_json

        terminal.json(
            {
                "id": execution.id,
                "status": after.status,
                "recorded_before": before,
                "ran": ran,
                "result": to_json(tree(after.result)),
            }
        )
        return DONE
    if execution.status == "cancelled":
        terminal.note(f"{quoted(execution.id)} was cancelled: nothing was run")
        terminal.hint(f"omium fork {quoted(execution.id)} goes on from where it stopped, under another id")
    elif over:
        terminal.note(f"{quoted(execution.id)} had completed already: nothing was run")
    else:
        terminal.note(f"{quoted(execution.id)} {after.status}: {plural(before, 'call')} from the record, {ran:,} ran")
    if after.status == "waiting":
        tell_what_it_waits_for(store, after, terminal)
    if after.result is not None:
        show_value(terminal, tree(after.result))
    return DONE


def _refuse_mixed(arguments: Namespace) -> None:
    if arguments.all == (arguments.target is not None):
        raise CommandError("resume which execution?", "name one, or give --all", USAGE)
    if not arguments.all and (arguments.workflow is not None or arguments.dry_run):
        raise CommandError("--workflow and --dry-run choose among all", "give --all, or leave them out", USAGE)


def code_of(id: str, workflow: str, source: str | None) -> None:
    """Loads the code of an execution, so that its workflow is known."""
    if workflow == "langgraph":
        raise CommandError(
            f"{quoted(id)} is a LangGraph thread: its graph continues it",
            f'graph.invoke(None, {{"configurable": {{"thread_id": {id[:60]!r}}}}})',
        )
    if source is None:
        raise CommandError(
            f"the record of {quoted(id)} does not say where its code is",
            f"run the program again: under the id {quoted(id)} it goes on where it stopped",
        )
    load(source)
