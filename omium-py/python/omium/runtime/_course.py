"""One course of action for plain and for async code.

What an effect does, step by step, is a generator that yields actions and is sent their outcomes; `drive`
carries them out in plain code and `adrive` in async code, where the event loop never waits for the disk.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from omium.runtime import _context, _timeout, _turns
from omium.runtime._behind import chained
from omium.runtime._worker import off_loop

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Awaitable, Callable, Generator

    from omium.runtime._context import Frame
    from omium.runtime._place import Place

    Course = Generator["Action", Any, Any]

__all__ = ["Ask", "Body", "Disk", "Failure", "Sleep", "Turn", "Write", "act", "adrive", "drive", "served_by"]


class Disk(NamedTuple):
    """A call into the store."""

    function: Callable[[], Any]


class Turn(NamedTuple):
    """A wait for the moment at which the call that is answered with that entry may return."""

    place: Place
    seq: int


class Write(NamedTuple):
    """The record of an outcome, after which the call returns in its turn."""

    place: Place
    function: Callable[[], Any]


class Body(NamedTuple):
    """The user's function, in its frame."""

    frame: Frame
    function: Callable[[], Any]
    timeout: float | None = None


class Ask(NamedTuple):
    """A question to the outside world, plain or async: nothing of it is recorded."""

    function: Callable[[], Any]


class Sleep(NamedTuple):
    """A wait before the next attempt."""

    seconds: float


Action = Disk | Write | Turn | Body | Ask | Sleep


class Failure(NamedTuple):
    """The end of a course that failed; a generator could not raise every exception itself."""

    error: BaseException


def drive(course: Course) -> Any:
    """Carries a course out in plain code."""
    outcome: Any = None
    error: BaseException | None = None
    while True:
        try:
            action = course.send(outcome) if error is None else course.throw(error)
        except StopIteration as end:
            return _ended(end.value)
        outcome = error = None
        try:
            outcome = act(action)
        except BaseException as failed:  # noqa: BLE001  # The course decides what it means.
            error = failed


async def adrive(course: Course) -> Any:
    """Carries a course out in async code."""
    outcome: Any = None
    error: BaseException | None = None
    while True:
        try:
            action = course.send(outcome) if error is None else course.throw(error)
        except StopIteration as end:
            return _ended(end.value)
        outcome = error = None
        try:
            outcome = await _aact(action)
        except BaseException as failed:  # noqa: BLE001  # As above.
            error = failed


def _ended(value: Any) -> Any:
    if isinstance(value, Failure):
        with chained(value.error):
            raise value.error
    return value


def act(action: Action) -> Any:
    """Carries one action out in plain code; an async function is run to its end."""
    if isinstance(action, Disk):
        return action.function()
    if isinstance(action, Turn):
        return _turns.wait(action.place, action.seq)
    if isinstance(action, Write):
        return _turns.write(action.place, action.function)
    if isinstance(action, Body):
        return _timeout.run(action.frame, lambda: _awaited(action.function()), action.timeout)
    if isinstance(action, Ask):
        return _timeout.run(_context.nowhere(), lambda: _awaited(action.function()), None)
    time.sleep(action.seconds)
    return None


async def _aact(action: Action) -> Any:
    if isinstance(action, Disk):
        return await off_loop(action.function)
    if isinstance(action, Turn):
        return await _turns.await_(action.place, action.seq)
    if isinstance(action, Write):
        return await _turns.awrite(action.place, action.function)
    if isinstance(action, Body):
        return await _timeout.arun(action.frame, action.function, action.timeout)
    import asyncio

    if isinstance(action, Ask):
        return await _timeout.arun(_context.nowhere(), lambda: _asked(action.function), None)
    await asyncio.sleep(action.seconds)
    return None


async def _asked(function: Callable[[], Any]) -> Any:
    # A plain probe may wait for the network: the loop goes on meanwhile.
    from asyncio import to_thread
    from inspect import isawaitable

    answer = await to_thread(function)
    return await answer if isawaitable(answer) else answer


_loop: ContextVar[AbstractEventLoop | None] = ContextVar("omium_loop", default=None)
"""The loop that serves async functions called from a worker thread on its behalf."""


def served_by(loop: AbstractEventLoop, function: Callable[..., Any], *args: Any) -> Any:
    """Runs plain code in a worker thread, and the async functions it meets on the loop that waits for it."""
    token = _loop.set(loop)
    try:
        return function(*args)
    finally:
        _loop.reset(token)


def _awaited(value: Any) -> Any:
    """The value itself, or what an awaitable comes to."""
    if not hasattr(value, "__await__"):
        return value
    import asyncio

    async def whole(awaitable: Awaitable[Any]) -> Any:
        return await awaitable

    loop = _loop.get()
    if loop is not None:
        return asyncio.run_coroutine_threadsafe(whole(value), loop).result()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(whole(value))
    # A loop cannot be run inside another one of the same thread.
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_context().run, asyncio.run, whole(value)).result()
