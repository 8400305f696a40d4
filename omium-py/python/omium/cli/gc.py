"""`omium gc`: removes what nothing reaches and gives the space back to the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.cli._errors import DONE
from omium.cli._target import open_store
from omium.cli._terminal import Terminal, plural
from omium.view._text import size

if TYPE_CHECKING:
    from argparse import Namespace

__all__ = ["run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Collects; removes nothing that any execution still reaches."""
    store = open_store(arguments, write=True)
    chunks, freed = store.gc(terminal.progress("collecting"))
    terminal.end_progress()
    left = store.stats()["disk_bytes"]
    if arguments.json:
        terminal.json({"chunks_removed": chunks, "bytes_freed": freed, "disk_bytes": left})
    else:
        terminal.print(f"removed {plural(chunks, 'chunk')}, gave back {size(freed)}; the store takes {size(left)} now")
    return DONE
