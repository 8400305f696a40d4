"""The result of an execution, waited for while somebody runs it."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from omium._entry import load
from omium.effects._answers import open_questions
from omium.exceptions import InvalidInput, NotFinished, RecordedFailure
from omium.recovery import _actions
from omium.runtime import _context
from omium.runtime._course import Disk, Sleep

if TYPE_CHECKING:
    from omium import _omium
    from omium.runtime._course import Course

__all__ = ["result"]

_PAUSE = 0.005
"""Seconds between the first two looks at the index; every pause is longer than the one before, up to the longest."""
_PAUSE_MAX = 0.1
_LONGER = 1.5
_BETWEEN_RUNS = 0.05
"""Seconds in which a process that ran it may take it up again, as after a rollback its policy asked for."""
_AGAIN = 2.0
"""Seconds a run that was decided on may take to begin; then whoever decided died before."""


class _Look(NamedTuple):
    """What one look at the index has found."""

    error: Exception | None = None
    """None: it has completed."""
    patience: float = 0.0
    """Seconds to wait for something else than that error, though nobody runs it."""
    owner: str | None = None
    value: Any = None


def result(store: _omium.Store, id: str, timeout: float | None, *, pickled: bool) -> Course:
    """Looks again and again until the execution has ended, nobody runs it any more, or the time is out."""
    own = _is_part_of(id)
    limit = 0.0 if own else _seconds(timeout)
    advice = "and this code is part of it" if own else "and result(timeout=SECONDS) waits for it"
    until = time.monotonic() + limit
    pause = _PAUSE
    gives_up: float | None = None
    while True:
        look = yield Disk(partial(_look, store, id, advice, pickled=pickled))
        if look.error is None:
            return look.value
        now = time.monotonic()
        if look.owner is not None:
            gives_up = None
        else:
            gives_up = now + look.patience if gives_up is None else gives_up
            if now >= gives_up or look.patience == 0:
                raise look.error
        if limit == 0:
            raise look.error
        if now >= until:
            who = f"{look.owner} runs it" if look.owner else "it is to run again"
            raise TimeoutError(f"execution {id!r} has no result after {limit:g} s: {who}; ask again with more time")
        yield Sleep(min(pause, until - now))
        pause = min(pause * _LONGER, _PAUSE_MAX)


def _look(store: _omium.Store, id: str, advice: str, *, pickled: bool) -> _Look:
    known = store.execution(id)
    if known.status == "completed":
        return _Look(value=load(known.result, allow_pickle=pickled))
    if known.status == "cancelled":
        return _Look(RecordedFailure(f"execution {id!r} was cancelled: a fork of it goes on from where it stopped"))
    if known.status == "failed":
        why = f": {known.error}" if known.error else ""
        due = _actions.due(store, id)
        return _Look(RecordedFailure(f"execution {id!r} failed{why}"), 0.0 if due is None else due + _AGAIN)
    if known.status == "waiting":
        questions = ", ".join(f"@{each.seq} {each.text}" for each in open_questions(store, id)) or "resume it"
        return _Look(NotFinished(f"execution {id!r} waits: {questions}"))
    unfinished = f"execution {id!r} is {known.status} and has no result yet"
    if known.status in ("ready", "orphaned"):
        return _Look(NotFinished(f"{unfinished}; nobody runs it: resume it"), _BETWEEN_RUNS)
    # Of a host framework's thread that was never leased nobody knows who runs it.
    owner = known.owner or "somebody"
    return _Look(NotFinished(f"{unfinished}; {owner} runs it, {advice}"), owner=owner)


def _is_part_of(id: str) -> bool:
    """Whether the code that asks would wait for itself."""
    here = _context.frame()
    return here is not None and here.run.native.id == id and here.run.native.mode == "live"


def _seconds(timeout: float | None) -> float:
    if timeout is None:
        return math.inf
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout >= 0:
        raise InvalidInput(f"timeout is a number of seconds from 0, or None for as long as it takes, not {timeout!r}")
    return timeout
