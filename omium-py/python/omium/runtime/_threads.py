"""Threads and pools that code starts inside an execution carry its context, each call as a strand of its own.

The whole context is copied, as for a task of asyncio, so that host frameworks find theirs too. A call that brings a
context of its own keeps that. The thread of a pool serves many callers, so the context belongs to each call that is
submitted and never to the thread.
"""

from __future__ import annotations

import sys
import threading
from contextvars import Context, ContextVar, copy_context
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from omium.runtime import _context, _ends

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

__all__ = ["instrument", "is_left_behind"]

on = True
"""Whether they do; `omium.init` says so."""

_POOL = "concurrent.futures.thread"
_SERVING = ("concurrent.futures", "multiprocessing")
"""Whose threads serve many callers."""
_carried: ContextVar[bool] = ContextVar("omium_carried", default=False)
_MARK = "__omium_carries__"


def instrument() -> None:
    """Patches `Thread.start`, and `ThreadPoolExecutor.submit` once that is there. Harmless when done again."""
    _patch(threading.Thread, "start", _start)
    pools = sys.modules.get(_POOL)
    if pools is not None:
        _patch(pools.ThreadPoolExecutor, "submit", _submit)
        _ends.instrument()


def is_left_behind() -> bool:
    """Whether the running code is in a thread that got its context here, and whose execution has ended.

    It may be a library's own, started by whoever came first: what it does in passing is nobody's.
    """
    here = _context.current.get()
    return here is not None and _carried.get() and getattr(here.run, "ended", False)


def _patch(owner: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    original = getattr(owner, name)
    if not hasattr(original, _MARK):
        patched = wraps(original)(around(original))
        setattr(patched, _MARK, True)
        setattr(owner, name, patched)


def _start(original: Callable[..., None]) -> Callable[..., None]:
    def start(thread: threading.Thread, *args: Any, **kwargs: Any) -> None:
        if not on or thread.ident is not None or not _is_inside():
            original(thread, *args, **kwargs)
            return
        run = vars(thread).get("run")
        _carry(thread)
        try:
            original(thread, *args, **kwargs)
        except BaseException:
            # There was no thread to be had: it may be started another time, from somewhere else.
            vars(thread).pop("run", None)
            if run is not None:
                vars(thread)["run"] = run
            raise

    return start


def _submit(original: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    def submit(pool: Any, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if not on or not _is_inside():
            return original(pool, function, *args, **kwargs)
        ending = _ends.Ending()
        carried = (function,) if _brings_its_own(function) else (_copy().run, function)
        return ending.of(original(pool, ending.call, *carried, *args, **kwargs))

    return submit


def _is_inside() -> bool:
    return _context.current.get() is not None or _context.place() is not None


def _carry(thread: threading.Thread) -> None:
    target = getattr(thread, "_target", None)
    serves = any(_module(each).startswith(_SERVING) for each in (target, type(thread)))
    if serves:
        # From Python 3.14 on it may inherit the context of whoever happens to start it.
        if getattr(sys.flags, "thread_inherit_context", False) and getattr(thread, "_context", None) is None:
            nowhere = copy_context()
            nowhere.run(_context.current.set, None)
            vars(thread)["_context"] = nowhere
        return
    if _brings_its_own(target) or getattr(thread, "_context", None) is not None:
        return
    run, context = thread.run, _copy()

    def carried() -> None:
        # The thread outlives its call as an object, and must not keep the frame.
        nonlocal context
        del thread.run
        here, context = context, None  # type: ignore[assignment]
        ending = _ends.Ending()
        try:
            ending.call(here.run, run)
        finally:
            ending.over()

    thread.run = carried  # type: ignore[method-assign]


def _copy() -> Context:
    context = copy_context()
    context.run(_carried.set, True)
    return context


def _brings_its_own(function: Any) -> bool:
    while isinstance(function, partial):
        function = function.func
    return isinstance(getattr(function, "__self__", None), Context)


def _module(each: Any) -> str:
    return str(getattr(each, "__module__", ""))
