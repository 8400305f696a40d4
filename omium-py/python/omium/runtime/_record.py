"""The primitive under step, workflow and every adapter: run this body at most once per record.

    claim -> recorded? answer -> body (attempts, timeout) -> encode -> commit

`call` and `acall` are that line, for plain and for async bodies; `Place` holds what both share.
"""

from __future__ import annotations

import time
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from omium import _omium, recovery, retry
from omium.recovery import _actions
from omium.runtime import _cancelled, _context, _timeout, _turns
from omium.runtime._attempts import Attempts
from omium.runtime._place import Place
from omium.runtime._worker import is_cancellation, off_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from omium.runtime._code import Code

__all__ = ["Place", "Policy", "acall", "call", "policy"]

T = TypeVar("T")


class Policy(NamedTuple):
    """How a body is run and its value kept."""

    retry: retry.Retry = retry.NEVER
    timeout: float | None = None
    codec: str | None = None
    """None: that of the execution."""
    recovery: recovery.Recovery | None = None
    code: Code | None = None
    """That of the body, where it is a function of the user's."""


PLAIN = Policy()


def policy(
    retries: int | retry.Retry = 0,
    timeout: float | None = None,
    codec: str | None = None,
    ladder: recovery.Recovery | Sequence[str] | None = None,
) -> Policy:
    """The policy a decorator asks for. `retries` goes before the retry of a recovery policy."""
    parsed = recovery.parse(ladder)
    again = retry.parse(retries)
    if parsed is not None and again.times == 0:
        again = retry.parse(parsed.retry)
    return Policy(again, _timeout.parse(timeout), codec, parsed)


def call(
    kind: _omium.Kind,
    name: str,
    inputs: Mapping[str, Any],
    body: Callable[[], T],
    policy: Policy = PLAIN,
) -> T:
    """The recorded value, or that of the body, recorded. Outside an execution just the body's."""
    while True:
        here = _context.frame()
        if here is None:
            return body()
        place = Place(here, kind, name, inputs, policy.codec, policy.code)
        try:
            return _once(place, body, policy)
        except Exception as error:
            go_on = None if place.decided is None else _actions.carry(place, error)
            if go_on is None:
                raise
        if go_on.given:
            body = partial(_identity, go_on.value)


def _once(place: Place, body: Callable[[], T], policy: Policy) -> T:
    if (entry := place.recorded) is not None:
        place.arrive(entry.seq)
        recorded: T = _turns.answer(place, entry)
        return recorded
    try:
        before = Attempts.known(place, policy.retry)
        failure, wait = before.failure, before.wait
        for attempt in count(before.made + 1):
            if wait:
                place.pauses(wait)
                time.sleep(wait)
            try:
                value = _timeout.run(place.inside(attempt, failure), body, policy.timeout)
                place.compare()
                blob, kept = place.hold(value)
                _turns.write(place, place.commit, blob, attempt)
                return kept
            except Exception as error:
                if place.aborts(error) or _context.is_stop(error):
                    raise
                due = policy.retry.wait(attempt, error, place.kind)
                if due is None:
                    place.compare_failed(error)
                    _turns.write(place, place.give_up, error, attempt, policy.recovery)
                    raise
                wait, failure = due, recovery.failure_of(error)
            before.again(place, attempt, failure, wait)
        raise AssertionError("count() does not end")
    finally:
        place.leave()


async def acall(
    kind: _omium.Kind,
    name: str,
    inputs: Mapping[str, Any],
    body: Callable[[], Awaitable[T]],
    policy: Policy = PLAIN,
) -> T:
    """`call` for an async body: the event loop never waits for the disk."""
    while True:
        here = _context.frame()
        if here is None:
            return await body()
        place = Place(here, kind, name, inputs, policy.codec, policy.code)
        if place.recorded is not None and _cancelled.is_cancelled(place.run, place.recorded):
            place.arrive(place.recorded.seq)
            await _cancelled.again(place.recorded)
            if place.recorded.status == "failed":
                continue
        try:
            return await _aonce(place, body, policy)
        except Exception as error:
            go_on = None if place.decided is None else await _actions.acarry(place, error)
            if go_on is None:
                raise
        if go_on.given:
            body = partial(_aidentity, go_on.value)


async def _aonce(place: Place, body: Callable[[], Awaitable[T]], policy: Policy) -> T:
    if (entry := place.recorded) is not None:
        place.arrive(entry.seq)
        recorded: T = await _turns.aanswer(place, entry)
        return recorded
    import asyncio

    try:
        before = Attempts.known(place, policy.retry)
        failure, wait = before.failure, before.wait
        for attempt in count(before.made + 1):
            if wait:
                place.pauses(wait)
                await asyncio.sleep(wait)
            try:
                value = await _timeout.arun(place.inside(attempt, failure), body, policy.timeout)
                place.compare()
                blob, kept = place.hold(value)
                await _cancelled.returned(place, place.commit, blob, attempt)
                return kept
            except Exception as error:
                if place.aborts(error) or _context.is_stop(error):
                    raise
                due = policy.retry.wait(attempt, error, place.kind)
                if due is None:
                    place.compare_failed(error)
                    await _cancelled.returned(place, place.give_up, error, attempt, policy.recovery)
                    raise
                wait, failure = due, recovery.failure_of(error)
            await off_loop(before.again, place, attempt, failure, wait)
        raise AssertionError("count() does not end")  # noqa: TRY301  # For the type checker.
    except BaseException as error:
        if is_cancellation(error) and place.is_open:
            await _cancelled.recorded(place, _cancelled.cancelled, place)
        raise
    finally:
        place.leave()


def _identity(value: T) -> T:
    return value


async def _aidentity(value: T) -> T:
    return value
