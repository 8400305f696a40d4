"""`omium rollback EXEC --to 3`: shows what falls, then moves the head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.cli._errors import DONE, USAGE, CommandError
from omium.cli._status import entry_json, show_entries
from omium.cli._target import head_or, open_store, quoted, split
from omium.cli._terminal import Terminal, plural

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import RollbackPlan

__all__ = ["run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Plans, shows the plan, and unless --plan acts on it."""
    store = open_store(arguments, write=not arguments.plan)
    if arguments.to is None and split(arguments.target)[1] is None:
        raise CommandError("roll back to which entry? give --to SEQ", f"omium log {quoted(arguments.target)}", USAGE)
    execution, to = head_or(store, arguments.target, arguments.to)
    id = execution.id
    plan = store.plan_rollback(id, to)
    if not arguments.json:
        _show(plan, terminal)
    if not arguments.plan:
        store.rollback(id, to)
    if arguments.json:
        terminal.json(_json(plan, done=not arguments.plan))
    elif arguments.plan:
        terminal.note("nothing was changed: this was the plan")
    elif plan.head != to:
        terminal.note(f"the head of {quoted(id)} is @{to} now; nothing was erased")
        thread = execution.workflow == "langgraph"
        again = "its graph, invoked with None," if thread else f"omium resume {quoted(id)}"
        terminal.hint(f"{again} runs on from there; omium log --graph shows both pasts")
    return DONE


def _show(plan: RollbackPlan, terminal: Terminal) -> None:
    if not plan.falls:
        terminal.note(f"the head of {quoted(plan.execution)} is @{plan.to} already: nothing falls")
        return
    falls = plural(len(plan.falls), "entry falls", "entries fall")
    terminal.print(f"{quoted(plan.execution)} goes back from @{plan.head} to @{plan.to}; {falls}, newest first:")
    terminal.print()
    show_entries(terminal, plan.falls, indent="  ")
    terminal.flush()


def _json(plan: RollbackPlan, *, done: bool) -> dict[str, Any]:
    return {
        "execution": plan.execution,
        "from": plan.head,
        "to": plan.to,
        "done": done,
        "falls": [entry_json(entry) for entry in plan.falls],
    }
