"""Runs that do not get anywhere: the same call again and again, loops, and stalls.

Pure functions over what the log says: keys (a name and a digest of the inputs each) and times.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from omium.exceptions import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Detect", "Loop", "Stall", "loop", "repeats", "stall"]


class Detect(NamedTuple):
    """When a running execution is taken to be stuck, and what is done: "warn", or "fail" with Stuck.

    Either way a failure of type `stuck` is recorded.
    """

    repeats: int = 20
    """The same call with the same inputs so often in a row; 0: never."""
    loops: int = 10
    """The same sequence of calls so often in a row; 0: never."""
    period: int = 12
    """The longest sequence that counts as a loop."""
    action: Literal["warn", "fail"] = "warn"
    stall: float | None = None
    """Seconds in which nothing is recorded while a step runs; None: any number."""


class Loop(NamedTuple):
    """A sequence that ends in repetitions."""

    members: tuple[str, ...]
    times: int


class Stall(NamedTuple):
    """Nothing for much longer than usual."""

    silent_ms: int
    usual_ms: int


def checked(detect: Detect) -> Detect:
    if not isinstance(detect, Detect):
        raise InvalidInput(f"detect is an omium.Detect, not {detect!r}")
    if detect.action not in ("warn", "fail"):
        raise InvalidInput(f"Detect(action=) is 'warn' or 'fail', not {detect.action!r}")
    stall = detect.stall
    if stall is not None and (isinstance(stall, bool) or not isinstance(stall, (int, float)) or not stall > 0):
        raise InvalidInput(f"Detect(stall=) is a number of seconds above 0, not {stall!r}")
    for name in ("repeats", "loops", "period"):
        number = getattr(detect, name)
        if isinstance(number, bool) or not isinstance(number, int) or number < 0 or number == 1:
            raise InvalidInput(f"Detect({name}=) is 0 for never, or a number from 2 up, not {number!r}")
    return detect


def repeats(keys: Sequence[str], least: int) -> int:
    """How often the last key stands at the end in a row; 0 when less often than `least`."""
    if not keys or least <= 0:
        return 0
    times = 1
    while times < len(keys) and keys[-1 - times] == keys[-1]:
        times += 1
    return times if times >= least else 0


def loop(keys: Sequence[str], least: int, longest: int = 12) -> Loop | None:
    """The shortest sequence of two or more that the keys end in, at least so often in a row."""
    if least <= 0:
        return None
    for period in range(2, longest + 1):
        if period * least > len(keys):
            return None
        matching = 0
        while matching + period < len(keys) and keys[-1 - matching] == keys[-1 - matching - period]:
            matching += 1
        times = matching // period + 1
        members = tuple(keys[len(keys) - period :])
        if times >= least and len(set(members)) > 1:
            return Loop(members, times)
    return None


def stall(times_ms: Sequence[int], now_ms: int, *, factor: float = 10.0, least_ms: int = 60_000) -> Stall | None:
    """Whether the silence since the last entry is `factor` times the usual gap, and longer than `least_ms`.

    The usual gap is the longest but for the top tenth, so that one slow model call among many quick
    steps is nothing unusual.
    """
    if len(times_ms) < 3:
        return None
    ordered = sorted(times_ms)
    gaps = sorted(later - earlier for earlier, later in pairwise(ordered))
    usual = gaps[(len(gaps) * 9 - 1) // 10]
    silent = now_ms - ordered[-1]
    return Stall(silent, usual) if silent > max(usual * factor, least_ms) else None
