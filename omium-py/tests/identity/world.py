"""The world outside of a generated program: what its bodies did, in order, and the moment at which it all stops.

A program dies in one of two ways: the process is killed, or, which is a hundred times as fast, every thread and task of
it is stopped at its next moment and its run is dropped unsettled. Lines are kept in memory, and in a file where
processes are killed.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

STEP, ACT = "step", "act"


class Dead(BaseException):
    """The process has died here."""


class Line(NamedTuple):
    what: str
    label: str
    key: str
    """Of an effect: its idempotency key."""


class World:
    """One program's, over all its runs."""

    def __init__(self, file: str | None = None) -> None:
        self.lines: list[Line] = []
        self.dead = False
        self._lock = threading.Lock()
        self._left = 0
        self._die: Callable[[], None] | None = None
        self._numbers = itertools.count(1)
        self._file = None if file is None else os.open(file, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
        if file is not None:
            with open(file, encoding="utf-8") as lines:
                self.lines = [Line(*line.rstrip("\n").split("\t")) for line in lines]

    def dies_at(self, moment: int, die: Callable[[], None] | None = None) -> None:
        """From now on: at that moment, by `die`, or by SIGKILL. 0: not at all."""
        self.dead, self._left, self._die = False, moment, die

    def moment(self, _: object = None) -> None:
        """A moment to die at."""
        with self._lock:
            if self._left:
                self._left -= 1
                if self._left == 0:
                    if self._die is None:
                        os.kill(os.getpid(), signal.SIGKILL)
                    else:
                        self.dead = True
                        self._die()
            if self.dead:
                raise Dead

    def did(self, what: str, label: str, key: str = "") -> str:
        """Something is done outside, once for each call of this. Returns a name for that time."""
        self.moment()
        with self._lock:
            if self.dead:
                raise Dead
            self.lines.append(Line(what, label, key))
            if self._file is not None:
                os.write(self._file, f"{what}\t{label}\t{key}\n".encode())
            return f"{os.getpid()}.{next(self._numbers)}"

    def has(self, what: str, key: str) -> bool:
        with self._lock:
            return any(line.what == what and line.key == key for line in self.lines)

    def count(self, what: str) -> Counter[str]:
        with self._lock:
            return Counter(line.label for line in self.lines if line.what == what)

    def keys(self) -> Counter[str]:
        with self._lock:
            return Counter(line.key for line in self.lines if line.what == ACT)


world = World()


def current() -> World:
    return world


def enter(other: World) -> None:
    global world
    world = other
