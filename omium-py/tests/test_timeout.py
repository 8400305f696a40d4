"""Timeouts: for plain functions in a thread, for async ones in a task; nothing late is recorded."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Any

import pytest

import omium
from omium import InvalidInput, StepTimeout


@omium.step
def note(text: str) -> str:
    return text


def test_a_plain_step_that_takes_too_long(ran: Counter[str]) -> None:
    go_on = threading.Event()
    ended = threading.Event()
    late: list[BaseException] = []

    @omium.step(timeout=0.05)
    def slow() -> None:
        note("early")
        go_on.wait(10)
        try:
            note("late")
        except BaseException as error:
            late.append(error)
        ended.set()

    with omium.execution("x") as run:
        with pytest.raises(StepTimeout, match=r"0\.05 seconds") as caught:
            slow()
        go_on.set()
        assert ended.wait(10)
        note("after")
    assert isinstance(caught.value, TimeoutError)
    assert [type(each) for each in late] == [StepTimeout]
    assert [each.value for each in run.checkpoints()] == ["early", "after"]


async def test_an_async_step_that_takes_too_long_is_cancelled() -> None:
    cancelled = asyncio.Event()

    @omium.step(timeout=0.05)
    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with omium.execution("x"):
        with pytest.raises(StepTimeout):
            await slow()
    assert cancelled.is_set()


def test_in_time_it_is_like_any_step(ran: Counter[str]) -> None:
    @omium.step(timeout=60)
    def quick() -> str:
        ran["quick"] += 1
        return note("a") + note("b")

    @omium.step(timeout=60)
    async def aquick() -> str:
        ran["aquick"] += 1
        return note("c") + note("d")

    async def main() -> list[str]:
        async with omium.execution("x") as run:
            assert quick() + await aquick() == "abcd"
        return [each.name for each in run.checkpoints()]

    for _ in range(2):
        assert asyncio.run(main()) == ["note", "note", "quick", "note", "note", "aquick"]
    assert ran == {"quick": 1, "aquick": 1}


def test_a_timeout_is_tried_again(ran: Counter[str]) -> None:
    release = threading.Event()

    @omium.step(timeout=0.05, retries=1)
    def slow_once() -> str:
        ran["slow"] += 1
        if ran["slow"] == 1:
            release.wait(10)
        return "done"

    with omium.execution("x"):
        assert slow_once() == "done"
    release.set()
    assert ran["slow"] == 2


def test_failures_inside_pass_through_unchanged() -> None:
    @omium.step(timeout=60)
    def fails() -> None:
        raise TimeoutError("its own")

    with omium.execution("x"), pytest.raises(TimeoutError, match="its own") as caught:
        fails()
    assert type(caught.value) is TimeoutError


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), True, "3"])
def test_what_is_no_timeout(timeout: Any) -> None:
    with pytest.raises(InvalidInput, match="timeout"):
        omium.step(timeout=timeout)
