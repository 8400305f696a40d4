"""Model calls under way together, where there is a budget: as many as what is left of it covers.

What a call will use is not known, so each under way is taken to use what the dearest so far did; while there
was none, one goes alone. A call waits only for calls that end by themselves: not for streams, which end when
the program reads them, and in plain code not for async calls, whose event loop it may be blocking.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import Counter
from typing import TYPE_CHECKING, Literal

from omium.runtime._worker import sleep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omium.runtime._live import LiveRun

__all__ = ["Turn", "turn"]

Sort = Literal["plain", "async", "stream"]

_PAUSE = 0.01
"""Seconds between two looks."""

_lock = threading.Lock()
_all: weakref.WeakKeyDictionary[LiveRun, _Turns] = weakref.WeakKeyDictionary()


class Turn:
    """One call's place among those under way. Ends with `end`, which is harmless a second time."""

    def __init__(self, turns: _Turns, sort: Sort) -> None:
        self._turns = turns
        self._sort: Sort = sort
        self._taken = False

    def wait(self) -> None:
        """Waits until the call may begin."""
        while not self._take(("plain",)):
            time.sleep(_PAUSE)

    async def await_(self) -> None:
        """`wait` for async code."""
        while not self._take(("plain", "async")):
            await sleep(_PAUSE)

    def _take(self, awaited: tuple[Sort, ...]) -> bool:
        self._taken = self._turns.take(self._sort, awaited)
        return self._taken

    def end(self, used: Mapping[str, int] | None = None) -> None:
        """Says that the call is over, and on record as having used that."""
        if self._taken:
            self._taken = False
            self._turns.end(self._sort, used)


class _Turns:
    """The calls of one run."""

    def __init__(self, run: LiveRun) -> None:
        self._run = weakref.proxy(run)
        self._lock = threading.Lock()
        self._under_way: Counter[Sort] = Counter()
        self._dearest: Counter[str] | None = None
        """The highest counters of a single call; None: the record was not looked at yet."""

    def take(self, sort: Sort, awaited: tuple[Sort, ...]) -> bool:
        with self._lock:
            if any(self._under_way[each] for each in awaited) and not self._covered(self._under_way.total() + 1):
                return False
            self._under_way[sort] += 1
            return True

    def end(self, sort: Sort, used: Mapping[str, int] | None) -> None:
        with self._lock:
            self._under_way[sort] -= 1
            if used is not None and self._dearest is not None:
                self._dearest |= Counter(used)

    def _covered(self, calls: int) -> bool:
        if self._dearest is None:
            self._dearest = Counter()
            for entry in self._run.store.entries(self._run.native.id, all=True):
                if entry.kind == "llm":
                    self._dearest |= Counter(entry.usage)
        if not self._dearest:
            return False
        budget, usage = self._run.budget, Counter(self._run.native.usage)
        usage.update({name: count * calls for name, count in self._dearest.items()})
        return budget is None or budget.covers(usage)


def turn(run: LiveRun, sort: Sort) -> Turn | None:
    """For a call that is about to begin; None where there is no budget to keep."""
    if run.budget is None:
        return None
    with _lock:
        turns = _all.get(run)
        if turns is None:
            turns = _all[run] = _Turns(run)
    return Turn(turns, sort)
