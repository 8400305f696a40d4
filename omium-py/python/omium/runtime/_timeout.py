"""Runs a body in its frame, for a limited time where one is set, or until its run is interrupted.

A task that is given up is cancelled. A thread cannot be: it is left behind, and nothing it still does is
recorded.
"""

from __future__ import annotations

from _thread import TIMEOUT_MAX
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from omium.exceptions import InvalidInput, StepTimeout
from omium.runtime._context import Frame, Limit, current, strand

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

T = TypeVar("T")


def parse(seconds: float | None) -> float | None:
    """The limit a decorator's `timeout` asks for."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= TIMEOUT_MAX:
        raise InvalidInput(f"timeout is a number of seconds above 0, not {seconds!r}")
    return seconds


def run(frame: Frame, body: Callable[[], T], seconds: float | None) -> T:
    """The body's value. One that may be given up runs in a thread of its own, in a copy of the context."""
    if seconds is not None or _interruptible(frame):
        return _in_thread(frame, body, seconds)
    outer = current.get()
    current.set(frame)
    try:
        return body()
    finally:
        current.set(outer)


async def arun(frame: Frame, body: Callable[[], Awaitable[T]], seconds: float | None) -> T:
    """The body's value. One that may be given up runs in a task of its own."""
    if seconds is not None or _interruptible(frame):
        return await _in_task(frame, body, seconds)
    outer = current.get()
    current.set(frame)
    try:
        return await body()
    finally:
        current.set(outer)


def _enter(frame: Frame, limit: Limit) -> None:
    """Sets the frame in the thread or task that was made for the body."""
    current.set(frame._replace(owner=strand(), limit=limit))
    if frame.run.watch is not None:
        frame.run.watch.entered(frame.scope)


def _interruptible(frame: Frame) -> bool:
    watch = frame.run.watch
    return watch is not None and watch.interrupts


def _in_thread(frame: Frame, body: Callable[[], T], seconds: float | None) -> T:
    import threading
    from contextvars import copy_context

    limit = Limit(frame.limit)
    values: list[T] = []
    errors: list[BaseException] = []
    over = threading.Event()

    def work() -> None:
        _enter(frame, limit)
        try:
            values.append(body())
        except BaseException as error:  # noqa: BLE001  # It is raised in the waiting thread.
            errors.append(error)
        over.set()

    thread = threading.Thread(target=copy_context().run, args=(work,), daemon=True)
    thread.start()
    try:
        with _awake(frame, over.set):
            over.wait(seconds)
    finally:
        # Also when Ctrl-C ends the wait: the thread stays behind either way.
        limit.expired = not (values or errors)
    if limit.expired:
        raise _given_up(frame, seconds)
    if errors:
        raise errors[0]
    return values[0]


async def _in_task(frame: Frame, body: Callable[[], Awaitable[T]], seconds: float | None) -> T:
    import asyncio

    limit = Limit(frame.limit)
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()

    async def work() -> T:
        _enter(frame, limit)
        return await body()

    task = asyncio.create_task(work())
    task.add_done_callback(lambda _: woken.set())
    try:
        with _awake(frame, lambda: loop.call_soon_threadsafe(woken.set)), suppress(asyncio.TimeoutError):
            await asyncio.wait_for(woken.wait(), seconds)
        if task.done():
            return task.result()
        limit.expired = True
        raise _given_up(frame, seconds)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


@contextmanager
def _awake(frame: Frame, wake: Callable[[], object]) -> Iterator[None]:
    """Within it, an interruption of the run wakes whoever waits."""
    if not _interruptible(frame):
        yield
        return
    waiting = frame.run.waiting
    waiting.add(wake)
    try:
        if frame.run.interrupted:
            wake()
        yield
    finally:
        waiting.discard(wake)


def _given_up(frame: Frame, seconds: float | None) -> BaseException:
    run = frame.run
    if _interruptible(frame) and run.interrupted and run.aborted is not None:
        return run.aborted
    return StepTimeout(f"the step took longer than its timeout of {seconds:g} seconds")
