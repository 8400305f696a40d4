"""`omium check`: reads the store back and says whether everything in it is what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.cli._errors import DONE, FAILED, CommandError
from omium.cli._target import open_store
from omium.cli._terminal import Terminal, plural, visible
from omium.exceptions import StoreCorrupted

if TYPE_CHECKING:
    from argparse import Namespace

__all__ = ["run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Checks the index, and with --full every value; exit code 1 when something is damaged."""
    try:
        store = open_store(arguments)
    except StoreCorrupted as error:
        raise CommandError(str(error), "nothing of it can be read: restore the directory from a copy") from error
    report = store.check(full=arguments.full, progress=terminal.progress("checking"))
    terminal.end_progress()
    if arguments.json:
        terminal.json(
            {
                "ok": report.ok,
                "full": arguments.full,
                "executions": report.executions,
                "entries": report.entries,
                "values": report.values,
                "chunks": report.chunks,
                "problems": report.problems,
                "notes": report.notes,
            }
        )
        return DONE if report.ok else FAILED
    counts = (
        plural(report.executions, "execution"),
        plural(report.entries, "entry", "entries"),
        plural(report.values, "value"),
        plural(report.chunks, "chunk"),
    )
    terminal.print(f"{'read' if arguments.full else 'looked at'} {', '.join(counts)}")
    for problem in report.problems:
        terminal.print(terminal.style(f"{terminal.glyph('✗', 'x')} {visible(problem)}", "red"))
    for note in report.notes:
        terminal.print(terminal.style(f"{terminal.glyph('·', '-')} {visible(note)}", "dim"))
    if not report.ok:
        terminal.error(
            f"the store is damaged: {plural(len(report.problems), 'problem')}",
            None if arguments.full else "omium check --full reads every value and names all that is lost",
        )
        return FAILED
    terminal.print(terminal.style(f"{terminal.glyph('✓', 'ok')} nothing is damaged", "green"))
    if not arguments.full:
        terminal.hint("omium check --full also reads every value back")
    return DONE
