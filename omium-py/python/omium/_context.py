"""Where the running code stands: which execution, which scope, and how far its strand has come.

One ContextVar holds an immutable Frame, so child tasks and `copy_context().run` inherit it by value and
strands never disturb each other. A plain thread starts without it: what it calls is not recorded.
"""

from __future__ import annotations

import itertools
import sys
import threading
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from omium._live import LiveRun

__all__ = ["Frame", "Limit", "Owner", "current", "frame", "strand"]

Owner = tuple[int, int]
"""A thread and the asyncio task in it (0: none). Never reused, unlike the ids Python gives them."""


class Limit:
    """A stretch of code that may be given up, such as a step with a timeout; they nest."""

    __slots__ = ("_outer", "expired")

    def __init__(self, outer: Limit | None) -> None:
        self._outer = outer
        self.expired = False

    def passed(self) -> bool:
        return self.expired or (self._outer is not None and self._outer.passed())


class Frame(NamedTuple):
    """One place in one execution."""

    run: LiveRun
    scope: str
    prev: int
    """The seq this strand has reached; 0 at the beginning."""
    owner: Owner
    """The strand the frame was made by; a claim by another one is the first of a new strand."""
    limit: Limit | None = None
    """What surrounds the code and may be given up while a thread still runs it."""


current: ContextVar[Frame | None] = ContextVar("omium_frame", default=None)

_numbers = itertools.count(1)
_thread = threading.local()
_tasks: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


def frame() -> Frame | None:
    """The current frame; None outside an execution and in a forked child."""
    here = current.get()
    return here if here is not None and here.run.of_this_process() else None


def strand() -> Owner:
    """The strand that is running now."""
    try:
        thread: int = _thread.number
    except AttributeError:
        thread = _thread.number = next(_numbers)
    return thread, _task()


def _task() -> int:
    # A program that has not imported asyncio runs no task, and importing it here would cost 40 ms.
    asyncio: Any = sys.modules.get("asyncio")
    running = getattr(asyncio, "_get_running_loop", None)
    if running is None or running() is None:
        return 0
    task = asyncio.current_task()
    if task is None:
        return 0
    number = _tasks.get(task)
    if number is None:
        number = _tasks[task] = next(_numbers)
    return number
