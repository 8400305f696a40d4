"""Where code is, or was when it failed: `file:line in function`, without the frames of this package."""

from __future__ import annotations

import sys
import threading
from itertools import dropwhile
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType, TracebackType

__all__ = ["Strand", "of_traceback"]

_FRAMES_MAX = 20
_OWN = __name__.partition(".")[0]


def of_traceback(trace: TracebackType | None) -> tuple[str, ...]:
    """The innermost frame last."""
    frames = []
    while trace is not None:
        frames.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return _shown(frames)


def _shown(frames: Iterable[tuple[FrameType, int]]) -> tuple[str, ...]:
    own = [
        f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
        for frame, line in frames
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] != _OWN
    ]
    return tuple(own[-_FRAMES_MAX:])


class Strand(NamedTuple):
    """A thread or task that can be asked from another thread where it is."""

    thread: int
    coroutine: Any
    """What the task runs; None in plain code."""

    @classmethod
    def here(cls) -> Strand:
        # Without asyncio there is no task, and it is not imported to find that out.
        asyncio: Any = sys.modules.get("asyncio")
        try:
            task = None if asyncio is None else asyncio.current_task()
        except RuntimeError:
            task = None
        return cls(threading.get_ident(), None if task is None else task.get_coro())

    def stack(self) -> tuple[str, ...]:
        """The innermost frame last."""
        return _shown(self._awaiting() if self.coroutine is not None else self._running())

    def _awaiting(self) -> list[tuple[FrameType, int]]:
        frames = []
        awaited = self.coroutine
        while awaited is not None:
            frame = getattr(awaited, "cr_frame", None)
            if frame is not None:
                frames.append((frame, frame.f_lineno))
            awaited = getattr(awaited, "cr_await", None)
        return frames

    def _running(self) -> list[tuple[FrameType, int]]:
        frames = []
        frame = sys._current_frames().get(self.thread)  # noqa: SLF001  # There is no other way to see a thread's.
        while frame is not None:
            frames.append((frame, frame.f_lineno))
            frame = frame.f_back
        # How a thread came to run says nothing of what it does.
        return list(dropwhile(lambda each: each[0].f_globals.get("__name__") == "threading", frames[::-1]))
