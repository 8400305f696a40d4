"""`omium backup DIR`: a copy of the store while it is in use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from omium.cli._errors import DONE
from omium.cli._target import open_store
from omium.cli._terminal import Terminal, plural, visible
from omium.view._text import size

if TYPE_CHECKING:
    from argparse import Namespace

__all__ = ["run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Copies, reads the copy back, and says what is in it."""
    store = open_store(arguments)
    path = str(Path(arguments.directory).absolute())
    count, report = store.backup(path, terminal.progress("copying"))
    terminal.end_progress()
    if arguments.json:
        terminal.json(
            {
                "path": path,
                "bytes": count,
                "executions": report.executions,
                "entries": report.entries,
                "values": report.values,
            }
        )
        return DONE
    counts = f"{plural(report.executions, 'execution')}, {plural(report.entries, 'entry', 'entries')}"
    terminal.print(f"{visible(arguments.directory)}: {size(count)}, {counts}; every byte was read back")
    terminal.hint(f"it is a store like any other: omium --store {visible(arguments.directory)} ls")
    return DONE
