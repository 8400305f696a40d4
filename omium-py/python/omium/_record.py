"""The primitive under step, workflow and every adapter: run this body at most once per record.

    claim -> recorded? answer -> body (attempts, timeout) -> encode -> commit

`call` and `acall` are that line, for plain and for async bodies; `Place` holds what both share.
"""

from __future__ import annotations

import time
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from omium import _context, _omium, _timeout, recovery, retry
from omium._place import Place
from omium._worker import off_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence


__all__ = ["Place", "Policy", "acall", "call", "policy"]

T = TypeVar("T")


class Policy(NamedTuple):
    """How a body is run and its value kept."""

    retry: retry.Retry = retry.NEVER
    timeout: float | None = None
    codec: str | None = None
    """None: that of the execution."""
    recovery: recovery.Recovery | None = None


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
        place = Place(here, kind, name, inputs, policy.codec)
        try:
            return _once(place, body, policy)
        except Exception as error:
            go_on = None if place.decided is None else recovery.carry(place, error)
            if go_on is None:
                raise
        if go_on.given:
            body = partial(_identity, go_on.value)


def _once(place: Place, body: Callable[[], T], policy: Policy) -> T:
    if (entry := place.recorded) is not None:
        place.arrive(entry.seq)
        recorded: T = place.answer(entry)
        return recorded
    try:
        failure: recovery.Failure | None = None
        for attempt in count(1):
            try:
                value = _timeout.run(place.inside(attempt, failure), body, policy.timeout)
                place.arrive(place.commit(place.encode(value), attempt))
                return value
            except Exception as error:
                if place.aborts(error):
                    raise
                wait = policy.retry.wait(attempt, error)
                if wait is None:
                    place.arrive(place.give_up(error, attempt, policy.recovery))
                    raise
                failure = recovery.failure_of(error)
            time.sleep(wait)
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
        place = Place(here, kind, name, inputs, policy.codec)
        try:
            return await _aonce(place, body, policy)
        except Exception as error:
            go_on = None if place.decided is None else await recovery.acarry(place, error)
            if go_on is None:
                raise
        if go_on.given:
            body = partial(_aidentity, go_on.value)


async def _aonce(place: Place, body: Callable[[], Awaitable[T]], policy: Policy) -> T:
    if (entry := place.recorded) is not None:
        place.arrive(entry.seq)
        recorded: T = await off_loop(place.answer, entry)
        return recorded
    import asyncio

    try:
        failure: recovery.Failure | None = None
        for attempt in count(1):
            try:
                value = await _timeout.arun(place.inside(attempt, failure), body, policy.timeout)
                place.arrive(await off_loop(place.commit, place.encode(value), attempt))
                return value
            except Exception as error:
                if place.aborts(error):
                    raise
                wait = policy.retry.wait(attempt, error)
                if wait is None:
                    place.arrive(await off_loop(place.give_up, error, attempt, policy.recovery))
                    raise
                failure = recovery.failure_of(error)
            await asyncio.sleep(wait)
        raise AssertionError("count() does not end")
    finally:
        place.leave()


def _identity(value: T) -> T:
    return value


async def _aidentity(value: T) -> T:
    return value
