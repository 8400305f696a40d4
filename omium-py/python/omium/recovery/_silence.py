"""Looks out, while calls run, for one that gets nowhere: no entry for longer than a limit.

One thread per process sleeps beside the runs that want it. It goes by the monotonic clock, and does not
count time in which the process did not run at all, as when a laptop was closed.
"""

from __future__ import annotations

import os
import threading
import time
from contextvars import Context
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from omium.exceptions import OmiumError, Stuck
from omium.recovery import _decisions, _failure
from omium.recovery._stack import Strand

if TYPE_CHECKING:
    from collections.abc import Callable

    from omium.runtime._live import LiveRun
    from omium.runtime._place import Place

__all__ = ["Silence"]

_QUIET = ("signal", "timer")
"""Waiting is what they are for."""
_TICKS = 8
"""How often a limit is looked at before it has passed."""


class Silence:
    """The calls of one run that are under way."""

    def __init__(self, run: LiveRun, limit: float, fire: Callable[[LiveRun, Stuck], None]) -> None:
        self.limit = limit
        self._run = run
        self._fire = fire
        self._lock = threading.Lock()
        # A stream that nobody reads on is forgotten by the program, and so it is here.
        self._open: WeakKeyDictionary[Place, Strand] = WeakKeyDictionary()
        self._heard = time.monotonic()
        self._told = False

    def began(self, place: Place) -> None:
        with self._lock:
            self._open[place] = Strand.here()
            self._hear()
        _patrol.join(self)

    def entered(self, scope: str) -> None:
        """The body of the call with that scope runs in a thread or task of its own: this one."""
        with self._lock:
            around = [place for place in self._open if _decisions.within(scope, place)]
            if around:
                self._open[max(around, key=lambda place: len(place.path))] = Strand.here()

    def ended(self, place: Place) -> None:
        with self._lock:
            self._open.pop(place, None)
            self._hear()

    def pauses(self, seconds: float) -> None:
        """A call waits on purpose, before its next attempt."""
        with self._lock:
            self._hear(seconds)

    def _hear(self, ahead: float = 0.0) -> None:
        self._heard = max(self._heard, time.monotonic() + ahead)
        self._told = False

    @property
    def over(self) -> bool:
        return self._run.ended or self._run.aborted is not None

    def look(self, now: float, lost: float) -> None:
        """Says once of each silence that it is too long. `lost`: since the last look nobody ran so long."""
        with self._lock:
            self._heard += lost
            if self._told or self.over or now - self._heard <= self.limit:
                return
            stuck = self._stuck()
            self._told = stuck is not None
        if stuck is not None:
            self._tell(*stuck)

    def _stuck(self) -> tuple[Place, Strand] | None:
        """A call that has none under way in it, and that is not there to wait."""
        known = dict(self._open)
        for place, strand in known.items():
            outer = any(_decisions.within(other.address[0], place) for other in known if other is not place)
            if place.kind not in _QUIET and not outer:
                return place, strand
        return None

    def _tell(self, place: Place, strand: Strand) -> None:
        run = self._run
        error = Stuck(f"execution {run.native.id!r}: {place.name} runs, and nothing was recorded for {self.limit:g} s")
        try:
            _decisions.note(run, _failure.of(error)._replace(step=place.name, stack=strand.stack()))
        except OmiumError as trouble:
            # A run that ended meanwhile has not stalled.
            if not run.ended:
                run.abort(trouble)
            return
        self._fire(run, error)


class _Patrol:
    """The thread; there is none while nobody wants it."""

    def __init__(self) -> None:
        self._watched: set[Silence] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def join(self, silence: Silence) -> None:
        if silence in self._watched:
            return
        with self._changed:
            self._watched.add(silence)
            self._changed.notify()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    # It watches many executions, and belongs to none.
                    target=Context().run,
                    args=(self._walk, time.monotonic()),
                    name="omium-stalls",
                    daemon=True,
                )
                self._thread.start()

    def _walk(self, last: float) -> None:
        while True:
            with self._changed:
                self._watched = {each for each in self._watched if not each.over}
                if not self._watched:
                    self._thread = None
                    return
                tick = min(each.limit for each in self._watched) / _TICKS
                self._changed.wait(tick)
                watched = tuple(self._watched)
            now = time.monotonic()
            # Whoever oversleeps was not run, and nor was anybody else in this process.
            late, last = now - last - tick, now
            for each in watched:
                each.look(now, late if late > tick else 0.0)


_patrol = _Patrol()


def _after_fork() -> None:
    global _patrol
    _patrol = _Patrol()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
