"""How calls in threads end: in the order in which what they had recorded returned, as far as others can see it.

Whoever takes what completes first sees calls of a pool end, and not their steps return. So the next step of a scope
returns only when the call that came before it has asked for something else, or has ended and those who wait for it had
the time to see it. A call that goes on without either is waited for only a moment.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

__all__ = ["Ending", "goes_on", "here", "instrument"]

T = TypeVar("T")

_HOLD = 0.02
"""Seconds for which the next waits for a call that neither ends nor asks for anything."""
_PAUSE = 0.001
"""Seconds from one end to the next: whoever waits for the first is told before the second comes."""
_MARK = "_omium_ending"
_TAKES = "_yield_finished_futures"
"""What gives `as_completed` those that have ended, in the module where both are."""

_numbers = itertools.count(1)
_thread = threading.local()


class Ending:
    """That of one call in a thread. Of code that was started in some other way nobody is told when it ends."""

    __slots__ = ("_hold", "_moved", "_since", "number")

    def __init__(self, hold: float = _HOLD) -> None:
        self._hold = hold
        self._moved = threading.Event()
        self._since = 0.0
        """When it last did something that others may see."""
        self.number = 0
        """The how-manieth it was to end; 0 before that."""

    def call(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Runs what it is the ending of."""
        around = getattr(_thread, "ending", None)
        _thread.ending = self
        try:
            return function(*args, **kwargs)
        finally:
            _thread.ending = around
            self.number = next(_numbers)

    def over(self, _: object = None) -> None:
        """Whoever waits for it was just told."""
        self._since = time.monotonic()
        self._moved.set()

    def of(self, future: Future[T]) -> Future[T]:
        """The same future, which tells when it is done."""
        setattr(future, _MARK, self)
        future.add_done_callback(self.over)
        return future

    def returns(self) -> None:
        """A step of it is about to return."""
        self._since = time.monotonic()
        self._moved.clear()

    def goes_on(self) -> None:
        """It asks for something else, so it does not end yet."""
        self._since = 0.0
        self._moved.set()

    def wait(self) -> float:
        """Blocks until others may return after it. How long that took."""
        began = time.monotonic()
        self._moved.wait(self._hold)
        left = self._since + _PAUSE - time.monotonic()
        if left > 0:
            time.sleep(left)
        return time.monotonic() - began


def here() -> Ending:
    """That of the running code."""
    ending: Ending | None = getattr(_thread, "ending", None)
    if ending is None:
        ending = _thread.ending = Ending(0.0)
    return ending


def goes_on() -> None:
    """The running code asks for something."""
    ending: Ending | None = getattr(_thread, "ending", None)
    if ending is not None:
        ending.goes_on()


def instrument() -> None:
    """Makes `as_completed` take those that had ended before it began in their order; it has them in a set."""
    base = sys.modules.get("concurrent.futures._base")
    original = None if base is None else getattr(base, _TAKES)
    if original is None or hasattr(original, _MARK):
        return

    @wraps(original)
    def ordered(fs: list[Future[Any]], *args: Any, **kwargs: Any) -> Iterator[Future[Any]]:
        endings = {id(each): getattr(each, _MARK, None) for each in fs}
        if None not in endings.values():
            # They are taken from the end.
            fs.sort(key=lambda each: endings[id(each)].number, reverse=True)  # type: ignore[union-attr]
        return original(fs, *args, **kwargs)  # type: ignore[no-any-return]

    setattr(ordered, _MARK, True)
    setattr(base, _TAKES, ordered)
