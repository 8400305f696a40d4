"""Retries: more attempts with growing, jittered waits; one entry in the record."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

import omium
from omium import InvalidInput, Retry
from omium.retry import parse


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that were asked for; none is made."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def asleep(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setattr(asyncio, "sleep", asleep)
    return waits


def test_attempts_until_success(ran: Counter[str], waits: list[float]) -> None:
    @omium.step(retries=3)
    def flaky() -> str:
        ran["flaky"] += 1
        if ran["flaky"] < 4:
            raise ConnectionError
        return "up"

    with omium.execution("x") as run:
        assert flaky() == "up"
    assert [each.attempts for each in run.checkpoints()] == [4]
    assert len(waits) == 3


async def test_async_attempts(ran: Counter[str], waits: list[float]) -> None:
    @omium.step(retries=2)
    async def flaky() -> None:
        ran["flaky"] += 1
        raise ConnectionError(str(ran["flaky"]))

    with pytest.raises(ConnectionError, match="3"):
        async with omium.execution("x"):
            await flaky()
    assert ran["flaky"] == 3
    assert len(waits) == 2


def test_waits_double_from_100_ms_with_jitter() -> None:
    policy = parse(20)
    for attempt in range(1, 15):
        drawn = [policy.wait(attempt, ValueError()) for _ in range(200)]
        base = min(0.1 * 2 ** (attempt - 1), 30.0)
        assert all(wait is not None and base * 0.5 <= wait <= base * 1.5 for wait in drawn)
        assert len(set(drawn)) > 100
    assert policy.wait(21, ValueError()) is None


def test_only_the_failures_asked_for(ran: Counter[str], waits: list[float]) -> None:
    @omium.step(retries=Retry(times=5, on=(ConnectionError,)))
    def work(error: str) -> None:
        ran[error] += 1
        raise {"connection": ConnectionError, "value": ValueError}[error]

    for name, error in (("connection", ConnectionError), ("value", ValueError)):
        with pytest.raises(error), omium.execution(name):
            work(name)
    assert ran == {"connection": 6, "value": 1}


def test_a_retry_runs_the_steps_inside_again(ran: Counter[str], waits: list[float]) -> None:
    """A bad answer must not be handed to the next attempt from the record; a resume pays for none again."""

    @omium.step
    def ask() -> int:
        ran["ask"] += 1
        return ran["ask"]

    @omium.step(retries=3)
    def outer() -> int:
        answer = ask()
        if answer < 3:
            raise ValueError("bad answer")
        if ran["interrupted"] == 0:
            ran["interrupted"] += 1
            raise KeyboardInterrupt
        return answer

    with pytest.raises(KeyboardInterrupt), omium.execution("x"):
        outer()
    assert ran["ask"] == 3
    with omium.execution("x"):
        assert outer() == 3
    assert ran["ask"] == 3


def test_a_failed_call_does_not_hand_its_steps_to_the_next_call(ran: Counter[str]) -> None:
    @omium.step
    def ask() -> int:
        ran["ask"] += 1
        return ran["ask"]

    @omium.step
    def outer() -> int:
        answer = ask()
        if answer < 3:
            raise ValueError("bad answer")
        return answer

    def program() -> int:
        for _ in range(5):
            try:
                value = outer()
            except ValueError:
                continue
            if ran["interrupted"] == 0:
                ran["interrupted"] += 1
                raise KeyboardInterrupt
            return value
        raise AssertionError

    with pytest.raises(KeyboardInterrupt), omium.execution("x"):
        program()
    with omium.execution("x"):
        assert program() == 3
    assert ran["ask"] == 3


@pytest.mark.parametrize(
    "retries",
    [
        -1,
        1.5,
        True,
        "3",
        None,
        Retry(times=-1),
        Retry(times=True),
        Retry(first=-1),
        Retry(first=2, longest=1),
        Retry(first="1"),  # type: ignore[arg-type]
        Retry(first=float("nan")),
        Retry(longest=float("inf")),
        Retry(on=()),
        Retry(on=("timeot",)),  # type: ignore[arg-type]
        Retry(on=(KeyboardInterrupt,)),  # type: ignore[arg-type]
        Retry(on="crash"),
    ],
)
def test_what_is_no_number_of_retries(retries: Any) -> None:
    """It is refused when the function is decorated: at its first failure it would hide that one."""
    with pytest.raises(InvalidInput):
        omium.step(retries=retries)


def test_types_of_failures_say_which_are_tried_again(ran: Counter[str], waits: list[float]) -> None:
    @omium.step(retries=Retry(times=2, on=("rate_limit", OSError)))
    def work(error: str) -> None:
        ran[error] += 1
        raise {"limit": RateLimitError, "disk": OSError, "value": ValueError}[error]

    for name in ("limit", "disk", "value"):
        with pytest.raises((RateLimitError, OSError, ValueError)), omium.execution(name):
            work(name)
    assert ran == {"limit": 3, "disk": 3, "value": 1}


def test_a_failing_effect_is_a_failing_tool(ran: Counter[str], waits: list[float]) -> None:
    @omium.effect(in_doubt="retry", retries=Retry(times=2, on="tool_error"))
    def act() -> None:
        ran["act"] += 1
        raise LookupError

    with pytest.raises(LookupError), omium.execution("x"):
        act()
    assert ran == {"act": 3}


class RateLimitError(Exception):
    """As the SDKs call theirs."""
