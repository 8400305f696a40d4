"""Where output goes: data to stdout, talk to stderr, colour and progress only on a terminal."""

from __future__ import annotations

import codecs
import json
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from omium.view._text import clip, moment, width_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Cell", "Terminal", "age", "duration", "moment", "plural", "visible"]

Cell = str | tuple[str, str]
"""Text, or text with a style of Terminal.style."""

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}

_NARROWEST = 10

_PLAINER = "omium-plainer"
# Of one sign each, so that columns stay where they are.
_PLAIN = {"…": "~", "›": ">", "→": ">", "×": "x"}


def _plainer(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = (_PLAIN.get(sign) or sign.encode("ascii", "backslashreplace").decode("ascii") for sign in lacking)
    return "".join(plain), error.end


codecs.register_error(_PLAINER, _plainer)


def visible(text: str) -> str:
    """The text on one line with nothing in it that steers a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 entry`, `3 entries`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {many or noun + 's'}"


def duration(ms: int) -> str:
    """`12 ms`, `1.2 s`, `3 min 4 s`, `2 h 5 min`."""
    if ms < 1000:
        return f"{ms} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(ms // 1000, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def age(then_ms: int, now_ms: int | None = None) -> str:
    """How long ago, coarsely; older than a month, the day."""
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    seconds = (now - then_ms) // 1000
    if seconds < 2:
        return "just now"
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds // unit} {name} ago"
    if seconds < 31 * 86_400:
        return f"{seconds // 86_400} days ago"
    return time.strftime("%Y-%m-%d", time.localtime(then_ms / 1000))


class Terminal:
    """The two streams of a command and what they can show."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        for stream in (self.out, self.err):
            # A value may hold what the encoding of the terminal lacks.
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors=_PLAINER)
        self.width = max(shutil.get_terminal_size((100, 24)).columns, 40)
        self.unicode = (self.out.encoding or "ascii").lower().replace("-", "") == "utf8"
        self._progress_drawn = 0.0
        self._coloured = {id(stream): self._shows_colours(stream) for stream in (self.out, self.err)}

    def colours(self, stream: TextIO) -> bool:
        """Whether to colour what goes to that stream."""
        known = self._coloured.get(id(stream))
        return self._shows_colours(stream) if known is None else known

    def _shows_colours(self, stream: TextIO) -> bool:
        # Asked once for each stream: a log has very many cells.
        if os.environ.get("NO_COLOR"):
            return False
        if os.environ.get("FORCE_COLOR"):
            return True
        return stream.isatty() and os.environ.get("TERM") != "dumb"

    def style(self, text: str, *names: str, stream: TextIO | None = None) -> str:
        """The text in that colour, where colours are shown."""
        codes = ";".join(_STYLES[name] for name in names if name)
        if not codes or not text or not self.colours(stream or self.out):
            return text
        return f"\x1b[{codes}m{text}\x1b[0m"

    def print(self, text: str = "") -> None:
        """A line of data."""
        self.out.write(text + "\n")

    def json(self, value: Any) -> None:
        """The answer as one JSON document."""
        self.print(json.dumps(value, indent=2, ensure_ascii=not self.unicode, allow_nan=False))

    def note(self, text: str) -> None:
        """A line of talk."""
        self.flush()
        self.err.write(text + "\n")

    def error(self, message: str, hint: str | None = None) -> None:
        """What went wrong, and on its own line what to do about it."""
        self.note(f"{self.style('error:', 'red', 'bold', stream=self.err)} {message}")
        if hint:
            self.hint(hint)

    def hint(self, text: str) -> None:
        """What to do next."""
        self.note(f"{self.style('hint:', 'cyan', stream=self.err)} {text}")

    def flush(self) -> None:
        """Hands everything to the reader."""
        self.end_progress()
        self.out.flush()

    def glyph(self, symbol: str, plain: str) -> str:
        """The symbol, or its stand-in where the encoding lacks it."""
        return symbol if self.unicode else plain

    def clip(self, text: str, width: int) -> str:
        """The text made visible and cut to the width."""
        return clip(visible(text), width, self.glyph("…", "..."))

    def progress(self, label: str) -> Callable[[int, int], None] | None:
        """A callback that draws a bar on stderr; None when nobody watches."""
        if not self.err.isatty():
            return None

        def draw(done: int, total: int) -> None:
            now = time.monotonic()
            if done < total and now - self._progress_drawn < 0.1:
                return
            self._progress_drawn = now
            share = done / total if total else 1.0
            filled = int(share * 24)
            bar = self.glyph("█", "#") * filled + self.glyph("░", ".") * (24 - filled)
            self.err.write(f"\r\x1b[K{label} {bar} {share:4.0%}")
            self.err.flush()

        return draw

    def end_progress(self) -> None:
        """Wipes the bar, so that the next line stands alone."""
        if self._progress_drawn:
            self._progress_drawn = 0.0
            self.err.write("\r\x1b[K")
            self.err.flush()

    def table(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        *,
        right: Sequence[int] = (),
        flexible: Sequence[int] = (0,),
        yields: int | None = None,
        indent: str = "",
    ) -> None:
        """Aligned columns within the width.

        Where they are too wide, the column `yields` is cut first, and left out before it says nothing;
        then `flexible` ones, the widest first.
        """
        texts = [[self._text(cell) for cell in row] for row in rows]
        sizes = [[width_of(text) for text in row] for row in texts]
        used = [i for i in range(len(header)) if any(row[i] for row in texts)]
        if not used:
            return
        widths = {i: max(width_of(header[i]), *(row[i] for row in sizes)) for i in used}
        room = self.width - len(indent) - 2 * (len(used) - 1)
        if yields in widths and sum(widths.values()) > room:
            widths[yields] -= sum(widths.values()) - room
            if widths[yields] < _NARROWEST:
                used.remove(yields)
                del widths[yields]
                room += 2
        while sum(widths.values()) > room:
            widest = max((i for i in used if i in flexible), key=lambda i: widths[i], default=None)
            if widest is None or widths[widest] <= _NARROWEST:
                break
            others = [widths[i] for i in used if i in flexible and i != widest]
            spare = sum(widths.values()) - room
            widths[widest] -= min(spare, max(1, widths[widest] - max([_NARROWEST, *others])))
        heads = [(text, "dim") for text in header]
        self._row(used, widths, header, [width_of(text) for text in header], heads, right, indent)
        for row, text, size in zip(rows, texts, sizes, strict=True):
            self._row(used, widths, text, size, row, right, indent)

    def _text(self, cell: Cell) -> str:
        return visible(cell[0] if isinstance(cell, tuple) else cell)

    def _row(
        self,
        used: list[int],
        widths: dict[int, int],
        texts: Sequence[str],
        sizes: Sequence[int],
        cells: Sequence[Cell],
        right: Sequence[int],
        indent: str,
    ) -> None:
        shown = []
        for i in used:
            text, size, cell = texts[i], sizes[i], cells[i]
            if size > widths[i]:
                text = clip(text, widths[i], self.glyph("…", "..."))
                size = width_of(text)
            pad = " " * (widths[i] - size)
            styled = self.style(text, cell[1]) if isinstance(cell, tuple) and cell[1] else text
            shown.append(pad + styled if i in right else styled + pad)
        self.print((indent + "  ".join(shown)).rstrip())
