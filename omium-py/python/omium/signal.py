"""Waiting for people and for time: `omium.ask`, `omium.answer`, `omium.sleep`.

A question or a timer is an intent; its answer, or its end, is the receipt at the same address.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from omium import codec, config
from omium.effects import _answers
from omium.exceptions import InvalidInput
from omium.runtime import _cancelled, _context
from omium.runtime._asking import aask, ask, ends
from omium.runtime._course import Disk, Sleep, Turn, adrive, drive
from omium.runtime._place import Place
from omium.runtime._worker import is_cancellation, refuse_loop

if TYPE_CHECKING:
    from omium.runtime._course import Course

__all__ = ["aask", "answer", "ask", "asleep", "sleep"]

_SECONDS_MAX = 100 * 366 * 24 * 3600
"""A hundred years: what every system's clock and sleep can take."""


def sleep(seconds: float) -> None:
    """Waits, and after a crash only for what is left. Outside an execution a plain sleep.

    Never longer than asked, whatever the clock does meanwhile.
    """
    refuse_loop("omium.asleep()")
    drive(_sleeping(seconds))


async def asleep(seconds: float) -> None:
    """`sleep` for async code."""
    await adrive(_sleeping(seconds))


def answer(execution: str, value: Any = None, *, happened: bool = True, seq: int | None = None) -> int:
    """Answers what an execution waits for: a question, or whether an effect in doubt happened.

    For an effect `value` is its receipt, and `happened=False` says that it never happened, so that it
    runs again. `seq` chooses when more than one is open. Returns the seq of the answer; nothing runs.
    """
    return _answers.settle(config.store(), execution, value, happened=happened, seq=seq)


def _sleeping(seconds: float) -> Course:
    try:
        sensible = 0 <= seconds <= _SECONDS_MAX
    except TypeError:
        sensible = False
    if not sensible:
        raise InvalidInput(f"sleep takes a number of seconds from 0 up to a hundred years, not {seconds!r}")
    frame = _context.frame()
    if frame is None:
        yield Sleep(seconds)
        return None
    place = Place(frame, "timer", "sleep", {"seconds": seconds})
    try:
        yield from _cancelled.again_at(place)
        if place.recorded is None:
            yield from _wait(place, seconds)
        else:
            place.arrive(place.recorded.seq)
            yield Turn(place, place.recorded.seq)
    finally:
        place.leave()
    return None


def _wait(place: Place, seconds: float) -> Course:
    intent = place.intent
    if intent is not None and _cancelled.was_given_up(place.run, intent.seq):
        # That one is over; who sleeps again sleeps anew.
        intent = None
    if place.run.native.mode == "record":
        raise ends(place, f"sleep of {seconds:g} s")
    if intent is None:
        seq = yield Disk(partial(place.intend, codec.dumps({"until_ms": _now_ms() + round(seconds * 1000)})))
        left = seconds
    else:
        # The clock may have been set since: what is left is within what was asked for.
        until = codec.loads(intent.meta.codec, intent.meta.read())["until_ms"] if intent.meta is not None else 0
        seq, left = intent.seq, min(max((until - _now_ms()) / 1000, 0.0), seconds)
    try:
        yield Sleep(left)
    except BaseException as error:
        if is_cancellation(error) and place.run.is_open:
            yield Disk(partial(_cancelled.note, place, seq))
        raise
    place.arrive((yield Disk(partial(place.commit, codec.dumps(None)))))
    return None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
