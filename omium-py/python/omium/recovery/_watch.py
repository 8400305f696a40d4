"""Looks out, while a run goes on, for one that goes in circles."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Literal

from omium.exceptions import Stuck
from omium.recovery.detectors import Detect, loop, repeats

if TYPE_CHECKING:
    from omium._live import LiveRun

__all__ = ["Watch"]

_KEPT = 512


class Watch:
    """What one run did last. Safe to use from many threads."""

    def __init__(self, detect: Detect) -> None:
        self._detect = detect
        self._last: deque[str] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()
        self._told: set[str] = set()

    def saw(self, run: LiveRun, name: str, key: str, *, live: bool) -> None:
        """Takes note of a call; a live one that only repeats what was done before is told, or ends the run."""
        with self._lock:
            known = key in self._last
            self._last.append(key)
            if not (known and live):
                return
            last = list(self._last)
        again = repeats(last, self._detect.repeats)
        around = None if again else loop(last, self._detect.loops, self._detect.period)
        if again:
            self._tell(run, "repeat", f"{name} was called {again} times in a row with the same inputs")
        elif around is not None:
            steps = " → ".join(each.partition("~")[0] for each in around.members)
            self._tell(run, "loop", f"it goes in circles with the same inputs: {steps}, {around.times} times")

    def _tell(self, run: LiveRun, kind: Literal["repeat", "loop"], what: str) -> None:
        if self._detect.action == "fail":
            error = Stuck(f"execution {run.native.id!r}: {what}")
            run.abort(error)
            raise error
        with self._lock:
            if kind in self._told:
                return
            self._told.add(kind)
        from warnings import warn

        warn(f"execution {run.native.id!r}: {what}", RuntimeWarning, stacklevel=2)
