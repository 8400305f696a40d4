"""The world outside: a ledger that only grows, and outlives every process that writes to it.

A line is one act or one undoing of it, whole or not at all. It refuses nothing, so that a program that
acts twice leaves two lines; only what is called with `once` knows idempotency keys, as some services do.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    what: str
    """`act`, `undo`, or a try of one of them that left nothing outside."""
    label: str
    key: str
    of: str
    """Of an undo: the key of the act."""


_path: Path
_file: int
_deaths: Callable[[], None] | None = None


def open_ledger(path: Path) -> None:
    global _path, _file
    _path, _file = path, os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)


def lines(path: Path | None = None) -> list[Line]:
    path = path or _path
    return [Line(*line.split(" ")) for line in path.read_text().splitlines()] if path.exists() else []


def write(what: str, label: str, key: str, of: str = "-", *, once: bool = False) -> None:
    """Acts. The process may die before and after, and never in between."""
    moment()
    fcntl.flock(_file, fcntl.LOCK_EX)
    try:
        if not once or not done(what, key):
            os.write(_file, f"{what} {label} {key} {of}\n".encode())
    finally:
        fcntl.flock(_file, fcntl.LOCK_UN)
    moment()


def done(what: str, key: str) -> bool:
    return any((line.what, line.key) == (what, key) for line in lines())


def moment() -> None:
    """A moment to die at."""
    if _deaths is not None:
        _deaths()


def die_at(number: int) -> None:
    """Kills this process at that moment from now."""
    global _deaths
    left = number

    def death() -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    _deaths = death
