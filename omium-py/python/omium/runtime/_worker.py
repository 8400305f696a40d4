"""Threads for what would block an event loop: commits, and opening and closing an execution.

They are omium's own, for a program may have filled the loop's default executor with work that waits for
a commit. The loop is asyncio's, or trio's, which is told by asyncio's absence.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from omium.exceptions import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

P = ParamSpec("P")
R = TypeVar("R")

_THREADS_MAX = 32
_lock = threading.Lock()
_executor: ThreadPoolExecutor | None = None


async def off_loop(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs a function of the native module in a worker thread.

    It is always waited for: a cancelled task must not leave while its commit is in the air.
    """
    import asyncio
    from contextvars import Context
    from functools import partial

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return await _off_trio(partial(function, *args, **kwargs))
    # A context of its own: what runs there is omium's, and belongs to no execution.
    future = loop.run_in_executor(_pool(), Context().run, partial(function, *args, **kwargs))
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    result = future.result()
    if cancelled is not None:
        raise cancelled
    return result


async def _off_trio(function: Callable[[], R]) -> R:
    import trio

    with trio.CancelScope(shield=True):
        result: R = await trio.to_thread.run_sync(function)
    await trio.lowlevel.checkpoint_if_cancelled()
    return result


async def sleep(seconds: float) -> None:
    """Waits, unless it is cancelled."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        import trio

        await trio.sleep(seconds)
    else:
        await asyncio.sleep(seconds)


def refuse_loop(twin: str) -> None:
    """Refuses to block a running event loop; `twin` is what its code awaits instead."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise InvalidInput(f"an event loop is running in this thread: await {twin} instead")


def is_cancellation(error: BaseException) -> bool:
    """Whether the running task raises it because it was itself cancelled. To be asked in that task."""
    import asyncio

    if isinstance(error, asyncio.CancelledError):
        # One that comes of waiting for another task, which was cancelled, is a failure like any other. Python 3.10
        # cannot tell them apart.
        try:
            task = asyncio.current_task()
        except RuntimeError:
            # Plain code raised it, as it might any other class: there is no task that could have been cancelled.
            return False
        requests = getattr(task, "cancelling", None)
        return requests is None or requests() > 0
    trio = sys.modules.get("trio")
    return trio is not None and isinstance(error, trio.Cancelled)


def _pool() -> Any:
    global _executor
    with _lock:
        if _executor is None:
            from concurrent.futures import ThreadPoolExecutor

            _executor = ThreadPoolExecutor(_THREADS_MAX, thread_name_prefix="omium")
        return _executor


def after_fork() -> None:
    """Forgets the threads of the parent: a forked child has none of them."""
    global _executor, _lock
    _executor, _lock = None, threading.Lock()
