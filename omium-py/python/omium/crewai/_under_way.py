"""Model calls under way: what one costs is paid whatever becomes of the kickoff around it.

When a task ends its kickoff, by a question or a failure, those beside it may be waiting for their models. The
kickoff waits for these answers, so that they are on record when the execution ends.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from concurrent import futures
from contextvars import ContextVar
from typing import TYPE_CHECKING

from omium.wire import turns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token
    from types import TracebackType

    from omium.runtime._context import Frame
    from omium.runtime._live import LiveRun

__all__ = ["Share", "UnderWay", "await_", "inside", "wait"]

_PATIENCE = 60.0
"""Seconds; the answer of a call that takes longer is lost, as by a kill."""

_lock = threading.Lock()
_calls: weakref.WeakKeyDictionary[LiveRun, set[UnderWay]] = weakref.WeakKeyDictionary()

inside: ContextVar[bool] = ContextVar("omium_crewai_model_call", default=False)
"""Whether this code is run by a model call, for which it must not wait."""


class UnderWay:
    """Around one model call, from its claim to its entry."""

    __slots__ = ("_scope", "_set", "_token", "over")
    _token: Token[bool]

    def __init__(self, frame: Frame) -> None:
        self._scope = frame.scope
        self.over: futures.Future[None] = futures.Future()
        # From here on nobody who stops waiting for it can cancel it.
        self.over.set_running_or_notify_cancel()
        with _lock:
            self._set = _calls.setdefault(frame.run, set())

    def within(self, path: str) -> bool:
        return self._scope == path or self._scope.startswith(f"{path}/")

    def __enter__(self) -> None:
        self._token = inside.set(True)
        with _lock:
            self._set.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        inside.reset(self._token)
        with _lock:
            self._set.discard(self)
        self.over.set_result(None)


class Share:
    """One model call's share of the budget, where there is one: it waits for calls that may use the budget up."""

    __slots__ = ("_nested", "_turn", "used")

    def __init__(self) -> None:
        # A call that waited for the one it is part of would wait for ever.
        self._nested = inside.get()
        self._turn: turns.Turn | None = None
        self.used: Mapping[str, int] | None = None

    def wait(self, run: LiveRun) -> None:
        self._turn = None if self._nested else turns.turn(run, "plain")
        if self._turn is not None:
            self._turn.wait()

    async def await_(self, run: LiveRun) -> None:
        self._turn = None if self._nested else turns.turn(run, "async")
        if self._turn is not None:
            await self._turn.await_()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._turn is not None:
            self._turn.end(self.used)


def wait(run: LiveRun, path: str) -> None:
    """Waits for the model calls that a kickoff with that path leaves under way."""
    futures.wait(_left(run, path), timeout=_PATIENCE)


async def await_(run: LiveRun, path: str) -> None:
    """`wait` for async code."""
    left = [asyncio.wrap_future(over) for over in _left(run, path)]
    if left:
        await asyncio.wait(left, timeout=_PATIENCE)


def _left(run: LiveRun, path: str) -> list[futures.Future[None]]:
    if inside.get():
        return []
    with _lock:
        return [call.over for call in _calls.get(run, ()) if call.within(path)]
