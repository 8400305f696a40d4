"""What a program said on stderr when it ended: the error, and where in its own code it was raised."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["Last", "last_of"]

_TRACEBACK = "Traceback (most recent call last):"
_FRAME = re.compile(r'  File "(?P<file>.+)", line (?P<line>\d+)(, in (?P<name>.+))?')
_LINES_MAX = 6
_CHANGING = re.compile(r"\d+(\.\d+)?")


class Last(NamedTuple):
    """Its last words."""

    error: tuple[str, ...]
    """`Class: message` and what follows it; without a traceback the last lines. Empty when it said nothing."""
    at: str | None = None
    """The innermost line of the program's own code."""

    @property
    def kind(self) -> str:
        """The error without the numbers in it, which may differ each time."""
        return _CHANGING.sub("…", self.error[0]) if self.error else ""


def last_of(talk: str, root: Path) -> Last:
    """Reads the last traceback of a program whose own files are under `root`."""
    lines = talk.rstrip().splitlines()
    if _TRACEBACK not in lines:
        return Last(tuple(lines[-_LINES_MAX:]))
    start = len(lines) - lines[::-1].index(_TRACEBACK)
    at, end = None, start
    for number in range(start, len(lines)):
        if not lines[number].startswith("  "):
            break
        end = number + 1
        frame = _FRAME.fullmatch(lines[number])
        if frame is not None and Path(frame["file"]).is_relative_to(root):
            within = f" in {frame['name']}" if frame["name"] else ""
            at = f"{Path(frame['file']).relative_to(root)}:{frame['line']}{within}"
    error = [line.removeprefix("omium.exceptions.") for line in lines[end:]]
    return Last(tuple(error[:_LINES_MAX]), at)
