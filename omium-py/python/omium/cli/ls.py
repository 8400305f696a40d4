"""`omium ls`: the executions of a store, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.cli._errors import DONE
from omium.cli._listing import matching, summary, table
from omium.cli._target import limit_of, open_store

if TYPE_CHECKING:
    from argparse import Namespace

    from omium.cli._terminal import Terminal

__all__ = ["run"]

_ROWS = 50


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Lists the executions that the options let through."""
    store = open_store(arguments)
    if arguments.watch:
        from omium.cli._follow import watch

        return watch(store, arguments, terminal)
    limit = limit_of(arguments, _ROWS) or None
    # One more than asked for says whether there are more.
    found = matching(store, arguments, limit=None if limit is None else limit + 1)
    shown = found[:limit]
    if arguments.ids:
        # For shell completion: one id a line, so ids with line ends stay out.
        for execution in shown:
            if execution.id.isprintable():
                terminal.print(execution.id)
        return DONE
    if arguments.json:
        terminal.json([summary(execution) for execution in shown])
    elif not shown:
        terminal.note("no executions" + (" match" if _filtered(arguments) else " yet"))
    else:
        table(shown, terminal)
    if len(found) > len(shown):
        terminal.note(f"the newest {len(shown)} are shown; omium ls -n 0 lists all")
    return DONE


def _filtered(arguments: Namespace) -> bool:
    return bool(arguments.status or arguments.workflow or arguments.prefix)
