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
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable

    from omium._live import LiveRun

__all__ = ["Frame", "Host", "Limit", "Owner", "current", "frame", "hosts", "nowhere", "place", "strand"]

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
    kind: str | None = None
    """The kind of the entry around the code; what a model call does inside an "llm" is part of it."""
    host: Hashable = None
    """Where in a host framework the frame was made; None outside of one."""


class Host(Protocol):
    """A framework whose own context says which execution a piece of its code belongs to."""

    def place(self) -> Hashable:
        """Where the running code stands in it; None when it is not the framework that runs it."""

    def frame(self, place: Any) -> Frame:
        """The frame of the code that runs there."""


current: ContextVar[Frame | None] = ContextVar("omium_frame", default=None)

hosts: list[Host] = []
"""Frameworks that were imported and whose code is found without a `with` block."""


class _Nothing:
    def of_this_process(self) -> bool:
        return False


_NOTHING: Any = _Nothing()

_numbers = itertools.count(1)
_thread = threading.local()
_tasks: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


def frame() -> Frame | None:
    """The current frame; None outside an execution and in a forked child.

    The innermost counts: code a host framework runs belongs to that, and not to an execution opened
    around the framework; an execution opened inside that code comes first again.
    """
    here = current.get()
    for host in hosts:
        place = host.place()
        if place is not None and (here is None or here.host != place):
            return host.frame(place)
    return here if here is not None and here.run.of_this_process() else None


def place() -> Hashable:
    """Where the running code stands in a host framework; None outside of one."""
    return next((found for host in hosts if (found := host.place()) is not None), None)


def nowhere() -> Frame:
    """A frame in which nothing is recorded, and which no host replaces."""
    return Frame(_NOTHING, "", 0, strand(), host=place())


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
