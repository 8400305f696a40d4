"""Model calls and effects under way: they are paid, and they act, whatever becomes of the run around them.

When one strand ends a run, by a question or a failure, others may be waiting for an answer or for a service.
Whoever ends the run waits for them first, so that what they get is on record.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from omium.runtime import _context
from omium.runtime._worker import sleep

if TYPE_CHECKING:
    from omium.runtime._live import LiveRun

__all__ = ["UnderWay", "await_", "wait"]

_PATIENCE = 60.0
"""Seconds; what takes longer is lost, as by a kill."""
_PAUSE = 0.01
"""Seconds between two looks."""


class UnderWay:
    """One call, from the moment its body begins until its outcome is on record."""

    __slots__ = ("_path", "_run", "_thread", "over")

    def __init__(self, run: LiveRun, path: str) -> None:
        self._run = run
        self._path = path
        self._thread = threading.get_ident()
        self.over = threading.Event()
        run.under_way.add(self)

    def end(self) -> None:
        self._run.under_way.discard(self)
        self.over.set()

    def is_within(self, path: str) -> bool:
        return _is_within(self._path, path)

    def is_elsewhere(self) -> bool:
        """Whether it can end while this thread does nothing else."""
        return self._thread != threading.get_ident()

    def is_around(self) -> bool:
        """Whether the code that asks is part of it, and would wait for itself."""
        here = _context.frame()
        return here is not None and here.run is self._run and _is_within(here.scope, self._path)


def wait(run: LiveRun, path: str = "") -> None:
    """Waits for what is under way with that path, in other threads."""
    until = time.monotonic() + _PATIENCE
    for each in _left(run, path):
        if each.is_elsewhere():
            each.over.wait(max(until - time.monotonic(), 0.0))


async def await_(run: LiveRun, path: str = "") -> None:
    """`wait` for async code, in other tasks too."""
    until = time.monotonic() + _PATIENCE
    for each in _left(run, path):
        while not each.over.is_set() and time.monotonic() < until:
            await sleep(_PAUSE)


def _left(run: LiveRun, path: str) -> list[UnderWay]:
    if not run.of_this_process():
        return []
    return [each for each in run.under_way.copy() if each.is_within(path) and not each.is_around()]


def _is_within(path: str, outer: str) -> bool:
    return not outer or (path.startswith(outer) and path[len(outer) : len(outer) + 1] in ("", "/", "~", ":"))
