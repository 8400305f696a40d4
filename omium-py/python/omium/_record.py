"""The primitive under step, workflow and every adapter: run this body at most once per record.

    claim -> recorded? answer -> body (attempts, timeout) -> encode -> commit

`call` and `acall` are that line, for plain and for async bodies; `Place` holds what both share.
"""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from omium import _context, _omium, _timeout, codec, retry
from omium._place import Place
from omium._worker import off_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

__all__ = ["Place", "Policy", "acall", "call"]

T = TypeVar("T")


class Policy(NamedTuple):
    """How a body is run and its value kept."""

    retry: retry.Retry = retry.NEVER
    timeout: float | None = None
    codec: str | None = None
    """None: that of the execution."""


PLAIN = Policy()


def call(
    kind: _omium.Kind,
    name: str,
    inputs: Mapping[str, Any],
    body: Callable[[], T],
    policy: Policy = PLAIN,
) -> T:
    """The recorded value, or that of the body, recorded. Outside an execution just the body's."""
    here = _context.frame()
    if here is None:
        return body()
    place = Place(here, kind, name, inputs, policy.codec)
    if (entry := place.recorded) is not None:
        place.arrive(entry.seq)
        recorded: T = place.answer(entry)
        return recorded
    try:
        for attempt in count(1):
            try:
                value = _timeout.run(place.inside(attempt), body, policy.timeout)
                place.arrive(place.commit(place.encode(value), attempt))
                return value
            except Exception as error:
                if place.aborts(error):
                    raise
                wait = policy.retry.wait(attempt, error)
                if wait is None:
                    place.arrive(place.fail(error, codec.dumps_failure(error), attempt))
                    raise
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
    here = _context.frame()
    if here is None:
        return await body()
    place = Place(here, kind, name, inputs, policy.codec)
    if (entry := place.recorded) is not None:
        place.arrive(entry.seq)
        recorded: T = await off_loop(place.answer, entry)
        return recorded
    import asyncio

    try:
        for attempt in count(1):
            try:
                value = await _timeout.arun(place.inside(attempt), body, policy.timeout)
                place.arrive(await off_loop(place.commit, place.encode(value), attempt))
                return value
            except Exception as error:
                if place.aborts(error):
                    raise
                wait = policy.retry.wait(attempt, error)
                if wait is None:
                    failure = codec.dumps_failure(error)
                    place.arrive(await off_loop(place.fail, error, failure, attempt))
                    raise
            await asyncio.sleep(wait)
        raise AssertionError("count() does not end")
    finally:
        place.leave()
