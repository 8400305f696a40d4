"""Where the running code stands: which execution, which scope, and how far its strand has come.

One ContextVar holds an immutable Frame, so child tasks and `copy_context().run` inherit it by value and
strands never disturb each other. A plain thread starts without it: what it calls is not recorded.
"""

from __future__ import annotations

import itertools
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from omium.recovery._failure import Failure
    from omium.runtime._live import LiveRun

__all__ = [
    "NOBODY",
    "Frame",
    "Host",
    "Limit",
    "Owner",
    "current",
    "frame",
    "hosts",
    "is_stop",
    "letting_through",
    "nowhere",
    "outside",
    "place",
    "replays",
    "strand",
]

Owner = int
"""One context: of a task, of a thread, or of whatever ran a copy of it. Never reused."""

NOBODY: Owner = 0
"""No context at all: whoever claims from such a frame begins a strand."""


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
    failure: Failure | None = None
    """What the code is run again to repair."""
    since: int = 0
    """The seq at which an earlier attempt of the code around it failed: what failed in that one answers nobody now."""
    host: Hashable = None
    """Where in a host framework the frame was made; None outside of one."""
    beside: tuple[Beside, ...] = ()
    """What is open on the strand, such as a stream that is being read."""


class Beside(Protocol):
    """What a strand has begun and not ended, and hands on part by part."""

    open: bool

    def so_far(self) -> None:
        """Records what was handed on since the last time. Blocks on the disk."""


class Host(Protocol):
    """A framework whose own context says which execution a piece of its code belongs to."""

    def place(self) -> Hashable:
        """Where the running code stands in it; None when it is not the framework that runs it."""

    def frame(self, place: Any) -> Frame:
        """The frame of the code that runs there."""

    def stops(self, error: BaseException) -> bool:
        """Whether that is how the framework stops its code to go on with it later, and no failure."""

    def let_through(self, error: BaseException) -> None:
        """Makes an error of omium's own one that the framework takes for no failure of its code."""


current: ContextVar[Frame | None] = ContextVar("omium_frame", default=None)

hosts: list[Host] = []
"""Frameworks that were imported and whose code is found without a `with` block."""


all_replays = False
"""Whether a whole program is replayed, also what it does in threads that lost the context."""

refuse_outside: Callable[[str, str], None] | None = None
"""Raises where a call outside of any execution may not be made; it is told its kind and its name."""


class _Nothing:
    watch = None
    replays = False

    def of_this_process(self) -> bool:
        return False


_NOTHING: Any = _Nothing()


class _Mark:
    """Tells the context it was set in from every copy of that context."""

    __slots__ = ("number", "token")

    def __init__(self, number: int) -> None:
        self.number = number
        self.token: Token[_Mark | None]


_numbers = itertools.count(1)
_mark: ContextVar[_Mark | None] = ContextVar("omium_mark", default=None)


def frame() -> Frame | None:
    """The current frame; None outside an execution and in a forked child.

    The innermost counts: code a host framework runs belongs to that, and not to an execution opened
    around the framework; an execution opened inside that code comes first again.
    """
    here = current.get()
    for host in hosts:
        at = host.place()
        if at is not None:
            return _live(here) if here is not None and here.host == at else host.frame(at)
    # A frame made in a host's code that is over is nobody's any more.
    return None if here is None or here.host is not None else _live(here)


def _live(here: Frame) -> Frame | None:
    return here if here.run.of_this_process() else None


def replays() -> bool:
    """Whether the running code is replayed: then nothing that it opens may run either."""
    here = current.get()
    return all_replays or (here is not None and here.run.replays)


def outside(kind: str, name: str) -> None:
    """A call outside of any execution, which runs as a plain function: a replay or an experiment may refuse it."""
    if refuse_outside is not None:
        refuse_outside(kind, name)


def place() -> Hashable:
    """Where the running code stands in a host framework; None outside of one."""
    return next((found for host in hosts if (found := host.place()) is not None), None)


def letting_through() -> Callable[[BaseException], None] | None:
    """What keeps the host framework around the running code from answering an error; None outside of one."""
    return next((host.let_through for host in hosts if host.place() is not None), None)


def is_stop(error: BaseException) -> bool:
    """Whether a host framework stops the code by that exception, to run it again later."""
    return any(host.stops(error) for host in hosts)


def nowhere() -> Frame:
    """A frame in which nothing is recorded, and which no host replaces."""
    return Frame(_NOTHING, "", 0, strand(), host=place())


def strand() -> Owner:
    """The strand that is running now."""
    mark = _mark.get()
    if mark is not None:
        try:
            # Python lets a token reset its variable in the context that made it and in no copy of it.
            _mark.reset(mark.token)
        except (ValueError, RuntimeError):
            mark = None
    if mark is None:
        mark = _Mark(next(_numbers))
    mark.token = _mark.set(mark)
    return mark.number
