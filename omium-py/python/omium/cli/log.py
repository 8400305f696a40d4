"""`omium log EXEC`: what happened, entry by entry, oldest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.cli._errors import DONE, USAGE, CommandError
from omium.cli._lines import lines
from omium.cli._status import entry_json, show_lines
from omium.cli._target import find, open_store, quoted
from omium.cli._terminal import plural

if TYPE_CHECKING:
    from argparse import Namespace

    from omium.cli._terminal import Terminal

__all__ = ["run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Shows the live lineage, or with --all and --graph what rollbacks left behind as well."""
    store = open_store(arguments)
    execution = find(store, arguments.target)
    if arguments.follow:
        from omium.cli._follow import follow

        if arguments.graph:
            raise CommandError("a tree cannot be drawn as it grows", "leave out --graph or --follow", USAGE)
        return follow(store, execution.id, arguments, terminal)
    everything = arguments.all or arguments.graph
    recorded = store.entries(execution.id, all=True)
    entries = [entry for entry in recorded if everything or entry.live]
    left = len(recorded) - len(entries)
    if arguments.limit and (arguments.json or arguments.graph):
        entries = entries[-arguments.limit :]
    if arguments.json:
        terminal.json([entry_json(entry) for entry in entries])
    elif not entries:
        terminal.note(f"{quoted(execution.id)} has no entries yet")
    elif arguments.graph:
        from omium.cli._graph import draw

        draw(store, execution, entries, terminal)
    else:
        show_lines(terminal, lines(entries)[-arguments.limit :])
        if left:
            behind = plural(left, "entry is", "entries are")
            terminal.note(f"{behind} left behind by rollbacks: omium log --graph {quoted(execution.id)}")
    return DONE
