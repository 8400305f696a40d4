"""`omium log EXEC`: what happened, entry by entry, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.cli._errors import DONE
from omium.cli._status import entry_json, show_entries
from omium.cli._target import find, open_store, quoted

if TYPE_CHECKING:
    from argparse import Namespace

    from omium.cli._terminal import Terminal

__all__ = ["run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Shows the live lineage, or with --all and --graph what rollbacks left behind as well."""
    store = open_store(arguments)
    execution = find(store, arguments.target)
    everything = arguments.all or arguments.graph
    entries = store.entries(execution.id, all=everything)
    if arguments.limit:
        entries = entries[-arguments.limit :]
    if arguments.json:
        terminal.json([entry_json(entry) for entry in entries])
    elif not entries:
        terminal.note(f"{quoted(execution.id)} has no entries yet")
    elif arguments.graph:
        from omium.cli._graph import draw

        draw(store, execution, entries, terminal)
    else:
        show_entries(terminal, entries)
        if not everything and execution.last_seq > execution.head:
            terminal.note("a rollback left entries behind: omium log --graph shows them")
    return DONE
