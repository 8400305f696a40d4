"""Threads for what would block an event loop: commits, and opening and closing an execution.

They are omium's own, for a program may have filled the loop's default executor with work that waits for
a commit.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

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
    from functools import partial

    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(_pool(), partial(function, *args, **kwargs))
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
