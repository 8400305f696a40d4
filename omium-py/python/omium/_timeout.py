"""Runs a body in its frame, for a limited time where one is set.

A task that takes too long is cancelled. A thread cannot be: it is left behind, and nothing it still does
is recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from omium._context import Frame, Limit, current, strand
from omium.exceptions import InvalidInput, StepTimeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


def parse(seconds: float | None) -> float | None:
    """The limit a decorator's `timeout` asks for."""
    if seconds is not None and not seconds > 0:
        raise InvalidInput(f"timeout is a number of seconds above 0, not {seconds!r}")
    return seconds


def run(frame: Frame, body: Callable[[], T], seconds: float | None) -> T:
    """The body's value. With a limit the body runs in a thread of its own, in a copy of the context."""
    if seconds is not None:
        return _in_thread(frame, body, seconds)
    outer = current.get()
    current.set(frame)
    try:
        return body()
    finally:
        current.set(outer)


async def arun(frame: Frame, body: Callable[[], Awaitable[T]], seconds: float | None) -> T:
    """The body's value. With a limit the body runs in a task of its own."""
    if seconds is not None:
        return await _in_task(frame, body, seconds)
    outer = current.get()
    current.set(frame)
    try:
        return await body()
    finally:
        current.set(outer)


def _in_thread(frame: Frame, body: Callable[[], T], seconds: float) -> T:
    import threading
    from contextvars import copy_context

    limit = Limit(frame.limit)
    values: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        current.set(frame._replace(owner=strand(), limit=limit))
        try:
            values.append(body())
        except BaseException as error:  # noqa: BLE001  # It is raised in the waiting thread.
            errors.append(error)

    thread = threading.Thread(target=copy_context().run, args=(work,), daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    finally:
        # Also when Ctrl-C ends the wait: the thread stays behind either way.
        limit.expired = thread.is_alive()
    if limit.expired:
        raise _too_long(seconds)
    if errors:
        raise errors[0]
    return values[0]


async def _in_task(frame: Frame, body: Callable[[], Awaitable[T]], seconds: float) -> T:
    import asyncio

    limit = Limit(frame.limit)

    async def work() -> T:
        current.set(frame._replace(owner=strand(), limit=limit))
        return await body()

    task = asyncio.create_task(work())
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return task.result()
        limit.expired = True
        raise _too_long(seconds)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


def _too_long(seconds: float) -> StepTimeout:
    return StepTimeout(f"the step took longer than its timeout of {seconds:g} seconds")
