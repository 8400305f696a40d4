"""The order in which calls of concurrent code return: that of the record, live as on a resume.

A program may decide by what completes first: `as_completed`, `wait(FIRST_COMPLETED)`, workers on a queue. So calls of
one scope return in the order in which they were recorded, one after the other. On a resume answers are all due at
once: each waits, for a short while, until what was recorded before it was asked for and has returned. Nothing is
decided here: when nobody comes, the wait is given up, and the record answers whatever the order.
"""

from __future__ import annotations

import sys
import threading
import time
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from omium.runtime import _ends
from omium.runtime._worker import off_loop

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Event
    from collections.abc import Callable

    from omium import _omium
    from omium.runtime._place import Place

__all__ = ["Turns", "aanswer", "answer", "await_", "awrite", "write"]

_PATIENCE = 0.1
"""Seconds without any progress, after which what is missing is waited for no longer."""
_STALLS_MAX = 10
"""How often that may happen in one run; then answers wait no more for what is not asked for."""
_ROUNDS = 4
"""Of the loop, from one return to the next: whoever waits for the first is told before the second returns."""
_PAUSED_MAX = 0.2
"""Seconds of a run for which threads wait for the ends of others, for the same reason,"""
_PAUSED_SHARE = 0.05
"""and the share of the rest."""


def answer(place: Place, entry: _omium.Entry) -> Any:
    """What is on record, in its turn."""
    turn = _Turn(place, entry.seq)
    try:
        turn.take()
        return place.answer(entry)
    finally:
        turn.leave()


async def aanswer(place: Place, entry: _omium.Entry) -> Any:
    """`answer` for async code. It is in the order from here on, also while its value is read."""
    turn = _Turn(place, entry.seq)
    try:
        try:
            value = await place.aanswer(entry)
        except Exception:
            await turn.atake()
            raise
        await turn.atake()
        return value
    finally:
        turn.leave()


async def await_(place: Place, seq: int) -> None:
    """Until the call that is answered with that entry may return, in async code."""
    turn = _Turn(place, seq)
    try:
        await turn.atake()
    finally:
        turn.leave()


def wait(place: Place, seq: int) -> None:
    """`await_` for plain code. A thread that runs an event loop waits for nobody."""
    turn = _Turn(place, seq)
    try:
        turn.take()
    finally:
        turn.leave()


def write(place: Place, record: Callable[..., Any], *arguments: Any) -> None:
    """Records the outcome of a call, and moves its strand there once it may return. Blocks on the disk."""
    turn = _Turn(place)
    try:
        turn.record(record, *arguments)
        if place.entry:
            place.arrive(place.entry)
        turn.seq = place.entry
        turn.take()
    finally:
        turn.leave()


async def awrite(place: Place, record: Callable[..., Any], *arguments: Any) -> None:
    """`write` for async code, but for moving the strand."""
    turn = _Turn(place)
    try:
        await off_loop(turn.record, record, *arguments)
        turn.seq = place.entry
        await turn.atake()
    finally:
        turn.leave()


class Turns:
    """Who is about to return, in one run."""

    __slots__ = (
        "asking",
        "began",
        "home",
        "lines",
        "lock",
        "moves",
        "native",
        "paused",
        "resting",
        "returned",
        "stalls",
    )

    def __init__(self, native: _omium.Run) -> None:
        self.native = native
        self.home = threading.get_ident()
        self.lock = threading.Lock()
        self.lines: dict[str, _Line] = {}
        """By scope."""
        self.asking: dict[str, set[int]] = {}
        """Threads that ask for something and are not in their line yet, by scope."""
        self.resting: set[str] = set()
        """Scopes in which one has just returned in a loop."""
        self.returned: dict[str, _ends.Ending] = {}
        """The last that did in a thread, by scope."""
        self.moves = 0
        """How often something was asked for, or returned."""
        self.stalls = 0 if native.resumed else _STALLS_MAX
        self.began = time.monotonic()
        self.paused = 0.0

    def asks(self, scope: str) -> None:
        """Something is about to be asked for there: nobody returns before it is known whether it comes first."""
        if self.stalls < _STALLS_MAX and not _serves():
            with self.lock:
                self.asking.setdefault(scope, set()).add(threading.get_ident())

    def has_asked(self, scope: str) -> None:
        """It is in its line, or has none."""
        with self.lock:
            asking = self.asking.get(scope)
            if asking is None:
                return
            asking.discard(threading.get_ident())
            if not asking:
                del self.asking[scope]
        self.wake(scope)

    def asked(self, scope: str) -> None:
        """Something was asked for in that scope, and is on record."""
        if self.lines:
            self.moves += 1
            self.wake(scope)

    def first(self, scope: str) -> _Turn | None:
        """The next to return there, as far as is known."""
        with self.lock:
            line = self.lines.get(scope)
            return None if line is None else line.first()

    def wake(self, scope: str) -> None:
        """Tells the next, if it may return."""
        first = self.first(scope)
        if first is not None and first.may_return():
            first.woken()

    def stalled(self, scope: str, moves: int) -> None:
        """Nothing happened for a while, so what the first of them waits for is not asked for."""
        first = self.first(scope)
        with self.lock:
            if first is None or moves != self.moves:
                return
            self.moves += 1
            self.asking.pop(scope, None)
            self.resting.discard(scope)
        if first.may_return():
            # Its own thread is busy, perhaps waiting for one of these.
            first.over = True
        else:
            self.stalls += 1
            self.native.overlook(scope, first.seq)
        for each in tuple(self.lines) if self.stalls >= _STALLS_MAX else (scope,):
            self.wake(each)


class _Line:
    """The calls of one scope that are about to return."""

    __slots__ = ("air", "known")

    def __init__(self) -> None:
        self.air: set[_Turn] = set()
        """Being recorded: whose seq nobody may know yet."""
        self.known: list[tuple[int, int, _Turn]] = []
        """A heap by seq."""

    def first(self) -> _Turn | None:
        for turn in [turn for turn in self.air if turn.over or turn.claim.landed]:
            self.air.discard(turn)
            self.enter(turn, turn.claim.landed or 0)
        while self.known and self.known[0][2].over:
            heappop(self.known)
        return self.known[0][2] if self.known else None

    def enter(self, turn: _Turn, seq: int) -> None:
        if not turn.over:
            turn.seq = seq
            heappush(self.known, (seq, id(turn), turn))


class _Turn:
    """One call, from the moment it is answered, or begins to be recorded, until it returns."""

    __slots__ = ("_event", "_loop", "_scope", "_turns", "claim", "over", "seq")

    def __init__(self, place: Place, seq: int = 0) -> None:
        self._turns = place.run.turns
        self._scope = place.claim.scope
        self._loop = _loop()
        self._event: Event | threading.Event | None = None
        self.claim = place.claim
        self.over = False
        """Whether nobody waits for it."""
        self.seq = seq
        """0 before it is known."""
        if seq:
            self._enter(seq)
            self._turns.has_asked(self._scope)

    def _enter(self, seq: int) -> None:
        turns = self._turns
        with turns.lock:
            line = turns.lines.get(self._scope)
            if line is None:
                line = turns.lines[self._scope] = _Line()
            if seq:
                line.enter(self, seq)
            else:
                line.air.add(self)

    def record(self, record: Callable[..., Any], *arguments: Any) -> None:
        """Its outcome. Blocks on the disk."""
        self._enter(0)
        record(*arguments)

    def may_return(self) -> bool:
        turns, scope = self._turns, self._scope
        first = turns.first(scope)
        if (first is not None and first.seq < self.seq) or scope in turns.resting:
            return False
        if turns.stalls >= _STALLS_MAX:
            return True
        return scope not in turns.asking and not turns.native.unasked_before(scope, self.seq)

    def take(self) -> None:
        """Blocks the thread until it may return, unless others wait for this thread."""
        turns = self._turns
        if not self.may_return() and not _serves():
            self._event = event = threading.Event()
            while not self.may_return():
                moves = turns.moves
                if not event.wait(_PATIENCE):
                    turns.stalled(self._scope, moves)
                event.clear()
        if threading.get_ident() != turns.home:
            self._follow()

    def _follow(self) -> None:
        """Blocks until whoever waits for the last that returned has been told of its end."""
        turns, ending = self._turns, _ends.here()
        ending.returns()
        with turns.lock:
            last = turns.returned.get(self._scope)
            turns.returned[self._scope] = ending
        if last is None or last is ending or _serves():
            return
        if turns.paused < _PAUSED_MAX + _PAUSED_SHARE * (time.monotonic() - turns.began):
            turns.paused += last.wait()

    async def atake(self) -> None:
        """Until the task may go on. Trio's tasks keep no order."""
        if self._loop is None or self.may_return():
            return
        import asyncio

        turns = self._turns
        self._event = event = asyncio.Event()
        while not self.may_return():
            moves = turns.moves
            event.clear()
            try:
                await asyncio.wait_for(event.wait(), _PATIENCE)
            except asyncio.TimeoutError:
                turns.stalled(self._scope, moves)

    def woken(self) -> None:
        event, loop = self._event, self._loop
        if event is None:
            return
        if loop is None or isinstance(event, threading.Event):
            event.set()
        elif not loop.is_closed():
            loop.call_soon_threadsafe(event.set)

    def leave(self) -> None:
        turns, scope = self._turns, self._scope
        self.over = True
        with turns.lock:
            turns.moves += 1
            line = turns.lines.get(scope)
            if line is None:
                return
            if line.first() is None and not line.air:
                del turns.lines[scope]
                return
        if self._loop is None or self._loop.is_closed():
            turns.wake(scope)
        else:
            turns.resting.add(scope)
            _rest(turns, self._loop, scope, _ROUNDS)


def _rest(turns: Turns, loop: AbstractEventLoop, scope: str, rounds: int) -> None:
    if rounds:
        loop.call_soon(_rest, turns, loop, scope, rounds - 1)
    else:
        turns.resting.discard(scope)
        turns.wake(scope)


def _loop() -> AbstractEventLoop | None:
    """The loop of asyncio that this thread runs."""
    asyncio = sys.modules.get("asyncio")
    try:
        return None if asyncio is None else asyncio.get_running_loop()
    except RuntimeError:
        return None


def _serves() -> bool:
    """Whether others wait for this thread, which runs their event loop."""
    if _loop() is not None:
        return True
    trio = sys.modules.get("trio")
    try:
        return trio is not None and bool(trio.lowlevel.current_trio_token())
    except RuntimeError:
        return False
