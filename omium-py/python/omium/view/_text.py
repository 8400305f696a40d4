"""Measuring and cutting text for terminals; how sizes and moments are written."""

from __future__ import annotations

import time
import unicodedata

__all__ = ["clip", "moment", "size", "width_of"]


def width_of(text: str) -> int:
    """Columns a terminal needs for the text."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def clip(text: str, width: int, ellipsis: str = "…") -> str:
    """The text in at most `width` columns, the cut marked."""
    if len(text) <= width * 2 and width_of(text) <= width:
        return text
    room, kept = width - width_of(ellipsis), []
    for char in text:
        room -= _columns(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept) + ellipsis


def size(count: int) -> str:
    """Bytes as people read them: 640 B, 1.2 KB, 35 MB."""
    if count < 1000:
        return f"{count} B"
    number = float(count)
    for unit in ("KB", "MB", "GB", "TB"):
        number /= 1000
        if number < 999.5 or unit == "TB":
            break
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:.0f} {unit}"


def moment(ms: int) -> str:
    """The instant in UTC, to the millisecond, as ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"
