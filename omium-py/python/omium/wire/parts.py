"""Beginnings of streams on record: what was handed on before the program did something else.

A beginning is an attempt that says so. The next one, or the whole answer, follows it as another try of the same call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from omium.recovery import _failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omium import _omium

__all__ = ["READ", "Beginning", "How", "is_beginning", "onwards"]

READ = _failure.READ
How = Literal["part", "closed"]


class Beginning(Exception):
    """What stands for the rest of a stream on record. `how` says whether the program went on reading."""

    def __init__(self, message: str, how: How) -> None:
        super().__init__(message)
        self.how = how


def is_beginning(entry: _omium.Entry) -> bool:
    return entry.status == "failed" and READ in _failure.meta(entry)


def onwards(beginning: _omium.Entry, entries: Sequence[_omium.Entry]) -> dict[int, _omium.Entry]:
    """By the seq it follows: what is on record of the same call after it, the last of several tries."""
    same = (beginning.scope, beginning.key)
    return {each.prev: each for each in entries if (each.scope, each.key) == same and not each.spawned}
