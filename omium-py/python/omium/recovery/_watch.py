"""Looks out, while a run goes on, for one that gets nowhere: it goes in circles, or falls silent."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from omium.exceptions import Stuck
from omium.recovery import _decisions, _failure
from omium.recovery._silence import Silence
from omium.recovery.detectors import Detect, loop, repeats

if TYPE_CHECKING:
    from omium.runtime._live import LiveRun
    from omium.runtime._place import Place

__all__ = ["Watch"]

_KEPT = 512


class Watch:
    """What one run did last, and what it is at. Safe to use from many threads."""

    def __init__(self, detect: Detect) -> None:
        self._detect = detect
        self._last: deque[str] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._silence: Silence | None = None

    @property
    def interrupts(self) -> bool:
        """Whether a call that hangs is given up, so that it must run where it can be."""
        return self._detect.stall is not None and self._detect.action == "fail"

    def began(self, place: Place) -> None:
        """Takes note of a call; a live one that only repeats what was done before is told, or ends the run."""
        self._circles(place)
        if self._detect.stall is not None and place.recorded is None:
            self._listening(place.run, self._detect.stall).began(place)

    def entered(self, scope: str) -> None:
        """The body of the call with that scope runs in a thread or task of its own: this one."""
        if self._silence is not None:
            self._silence.entered(scope)

    def ended(self, place: Place) -> None:
        """It was recorded, or given back."""
        if self._silence is not None:
            self._silence.ended(place)

    def pauses(self, seconds: float) -> None:
        """A call waits so long before its next attempt."""
        if self._silence is not None:
            self._silence.pauses(seconds)

    def _circles(self, place: Place) -> None:
        name, key = place.name, place.address[1]
        with self._lock:
            known = key in self._last
            self._last.append(key)
            if not known or place.recorded is not None:
                return
            last = list(self._last)
        again = repeats(last, self._detect.repeats)
        around = None if again else loop(last, self._detect.loops, self._detect.period)
        if again:
            self._tell(place.run, "repeat", f"{name} was called {again} times in a row with the same inputs")
        elif around is not None:
            steps = " → ".join(each.partition("~")[0] for each in around.members)
            self._tell(place.run, "loop", f"it goes in circles with the same inputs: {steps}, {around.times} times")

    def _tell(self, run: LiveRun, kind: str, what: str) -> None:
        error = Stuck(f"execution {run.native.id!r}: {what}")
        if self._detect.action == "fail":
            run.abort(error)
            raise error
        with self._lock:
            if kind in self._told:
                return
            self._told.add(kind)
        _decisions.note(run, _failure.of(error))
        _warn(error)

    def _listening(self, run: LiveRun, limit: float) -> Silence:
        with self._lock:
            if self._silence is None or self._silence.over:
                self._silence = Silence(run, limit, self._silent)
            return self._silence

    def _silent(self, run: LiveRun, error: Stuck) -> None:
        """From the thread that listens; the failure is on record."""
        if self._detect.action == "fail":
            run.interrupt(error)
        else:
            _warn(error)


def _warn(error: Stuck) -> None:
    from warnings import warn

    warn(str(error), RuntimeWarning, stacklevel=2)
