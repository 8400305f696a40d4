"""`omium cancel EXEC`: ends an execution; whoever still runs it is fenced off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.cli._errors import DONE
from omium.cli._listing import summary
from omium.cli._target import find, open_store, quoted

if TYPE_CHECKING:
    from argparse import Namespace

    from omium.cli._terminal import Terminal

__all__ = ["run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Cancels; a finished execution stays as it ended."""
    store = open_store(arguments, write=True)
    execution = find(store, arguments.target)
    # A failed one counts as unfinished: resuming it would try again.
    if execution.status not in ("completed", "cancelled"):
        store.cancel(execution.id)
        terminal.note(f"{quoted(execution.id)} is cancelled; its record stays")
    else:
        terminal.note(f"{quoted(execution.id)} has {_ended(execution.status)} already; nothing was changed")
    if arguments.json:
        terminal.json(summary(store.execution(execution.id)))
    return DONE


def _ended(status: str) -> str:
    return "been cancelled" if status == "cancelled" else status
