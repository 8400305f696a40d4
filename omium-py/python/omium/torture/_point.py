"""A place where the program can be killed, under a name that is the same in every run."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Point", "loose", "steady", "steady_scope"]

_CHANGING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # UUIDs
    r"|\b[0-9a-f]{16,64}\b"  # made ids and keys
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?"  # moments
)


def steady(text: str) -> str:
    """The text without what differs from run to run: made ids and times."""
    return _CHANGING.sub("…", text)


def steady_scope(scope: str) -> str:
    """The scope without the checkpoints that tasks of a graph ran from: their ids are made."""
    return steady(re.sub(r"@[0-9a-f]{8}(?=/|$)", "", scope))


_CALL = re.compile(r"( #\d+)? \[[0-9a-f]{6}\]( \(\d+\))?$")


def loose(name: str) -> str:
    """The name of a call, or of a moment of it, without the digest of its inputs."""
    return _CALL.sub("", name)


class Point(NamedTuple):
    """One moment of a call, or one line of the program."""

    place: str
    hit: int
    """Which time it is reached, from 1."""
    of_line: bool
    """A line of the program's own code, as opposed to a moment of a recorded call."""

    answered: int = 0
    """How many questions had been answered when this run of the program began."""

    def __str__(self) -> str:
        time = "" if self.hit == 1 else f" (time {self.hit})"
        answers = f", {self.answered} answered" if self.answered else ""
        return f"{self.place}{time}{answers}"
