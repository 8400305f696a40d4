"""Calls outside of any execution: they run as plain functions, and warn where the execution was most likely lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from omium.runtime import _context, _live

if TYPE_CHECKING:
    from omium.runtime._live import LiveRun

__all__ = ["called"]

_told: WeakKeyDictionary[LiveRun, set[str]] = WeakKeyDictionary()
"""Of which names it was said during a run."""


def called(kind: str, name: str) -> None:
    """A step or an effect of that name is called outside."""
    _context.outside(kind, name)
    here = _context.current.get()
    if here is None:
        running = None if threading.current_thread() is threading.main_thread() else _live.running()
        if running is not None:
            _warn(
                running,
                name,
                f"{name} ran in a thread outside of any execution, so nothing of it is on record: hand it to the "
                "thread or pool inside the execution, or start it with contextvars.copy_context().run",
            )
    elif isinstance(here.run, _live.LiveRun) and not here.run.of_this_process():
        _warn(
            here.run,
            name,
            f"{name} ran in a process that was forked inside an execution, so nothing of it is on record: call "
            "it in the process that runs the execution",
        )


def _warn(run: LiveRun, name: str, what: str) -> None:
    from inspect import currentframe
    from warnings import warn

    told = _told.setdefault(run, set())
    if name in told:
        return
    told.add(name)
    # At the line of the program, whatever is between.
    level, frame = 1, currentframe()
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("omium."):
        level, frame = level + 1, frame.f_back
    warn(what, RuntimeWarning, stacklevel=level)
