"""`omium log EXEC --follow` and `omium ls --watch`: what changes, as it changes."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING, Any

from omium.cli._errors import DONE
from omium.cli._lines import Line, lines
from omium.cli._listing import matching, summary, table
from omium.cli._status import entry_json, entry_row
from omium.cli._target import quoted
from omium.cli._terminal import Cell, Terminal, visible
from omium.view._text import clip, width_of

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import Store

__all__ = ["follow", "watch"]

_PAUSE = 0.2
"""Seconds between two looks at the log."""
_REPAINT = 1.0
_ENDED = ("completed", "failed", "cancelled")
_COLUMNS = ("SEQ", "NAME", "INPUT", "KIND", "STATUS", "TOOK")
_WIDTHS = (6, 26, 24, 6, 20, 9)
"""What is still to come is not known, so the columns are as wide from the beginning."""


def follow(store: Store, id: str, arguments: Namespace, terminal: Terminal) -> int:
    """Prints what is there and then what comes, until the execution has ended."""
    tell = _tell_json if arguments.json else _tell_line
    if not arguments.json:
        _row(terminal, [(name, "dim") for name in _COLUMNS])
    known = store.execution(id)
    there = store.entries(id, all=True)
    shown = [each for each in there if arguments.all or each.live]
    for line in ([Line(each) for each in shown] if arguments.json else lines(shown))[-arguments.limit :]:
        tell(line, terminal)
    last, status = len(there) and there[-1].seq, ""
    while True:
        if known.status != status:
            status = known.status
            terminal.note(f"{quoted(id)} is {status}" + (f": {visible(known.error)}" if known.error else ""))
        terminal.out.flush()
        if status in _ENDED:
            return DONE
        time.sleep(_PAUSE)
        # Asked before the entries: what is recorded before the end is there when the end is.
        head, known = known.head, store.execution(id)
        if known.head < head:
            terminal.note(f"{quoted(id)} went back to @{known.head}")
        for entry in store.entries(id, all=True, after=last):
            last = entry.seq
            tell(Line(entry), terminal)


def _tell_json(line: Line, terminal: Terminal) -> None:
    _json_line(entry_json(line.entry), terminal)


def _tell_line(line: Line, terminal: Terminal) -> None:
    _row(terminal, entry_row(line)[: len(_COLUMNS)])
    if line.entry.error:
        room = _WIDTHS[0] + 2
        terminal.print(" " * room + terminal.style(terminal.clip(line.entry.error, terminal.width - room), "red"))


def _row(terminal: Terminal, cells: list[Cell] | tuple[Cell, ...]) -> None:
    room = terminal.width - sum(_WIDTHS) - 2 * (len(_WIDTHS) - 1)
    parts = []
    for at, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True)):
        text, style = cell if isinstance(cell, tuple) else (cell, "")
        wide = max(width + room, 10) if at == 1 else width
        text = clip(visible(text), wide, terminal.glyph("…", "..."))
        pad = " " * (wide - width_of(text))
        told = terminal.style(text, style) if style else text
        parts.append(pad + told if at == 0 else told + pad)
    terminal.print("  ".join(parts).rstrip())


def watch(store: Store, arguments: Namespace, terminal: Terminal) -> int:
    """Repaints the list on a terminal; elsewhere a line for each change, and as JSON with --json. Until Ctrl-C."""
    if terminal.out.isatty() and not arguments.json:
        while True:
            _paint(store, arguments, terminal)
            time.sleep(_REPAINT)
    told: dict[str, Any] = {}
    while True:
        for each in reversed(matching(store, arguments, arguments.limit or None)):
            now = each.status, each.head
            if told.get(each.id) == now:
                continue
            told[each.id] = now
            if arguments.json:
                _json_line(summary(each), terminal)
            else:
                terminal.print(f"{visible(each.id)}  {visible(each.workflow)}  {each.status}  @{each.head}")
        terminal.out.flush()
        time.sleep(_PAUSE)


def _paint(store: Store, arguments: Namespace, terminal: Terminal) -> None:
    size = shutil.get_terminal_size((100, 24))
    terminal.width = max(size.columns, 40)
    room = max(size.lines - 3, 1)
    limit = min(arguments.limit or room, room)
    found = matching(store, arguments, limit + 1)
    terminal.out.write("\x1b[H\x1b[J")
    table(found[:limit], terminal)
    more = "; there are more" if len(found) > limit else ""
    terminal.print(terminal.style(f"{time.strftime('%H:%M:%S')}{more}; Ctrl-C ends", "dim"))
    terminal.out.flush()


def _json_line(value: Any, terminal: Terminal) -> None:
    terminal.print(json.dumps(value, ensure_ascii=not terminal.unicode, allow_nan=False))
