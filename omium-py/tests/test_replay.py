"""Replay runs the code on its record, and nothing else, and says where the two differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import omium
from omium import ReplayReport

ran: Counter[str] = Counter()


@omium.step
def a(n: int) -> int:
    ran["a"] += 1
    return n + 1


@omium.step
def b(n: int) -> int:
    ran["b"] += 1
    return n * 2


@omium.step
def outer(n: int) -> int:
    return a(n) + b(n)


def recorded(code: Callable[..., Any], *args: Any) -> omium.Execution[Any]:
    """An execution of one version of the code, which may fail with "meant"."""
    try:
        omium.workflow(name="code")(code).options(id="x").start(*args)
    except ValueError:
        assert omium.get("x").error == "ValueError: meant"
    ran.clear()
    return omium.get("x")


def replayed(code: Callable[..., Any]) -> ReplayReport:
    """The report of another version of the code on the same record."""
    before = omium.get("x").known()
    omium.workflow(name="code")(code)
    report = omium.get("x").replay()
    after = omium.get("x").known()
    assert not ran, "something ran live"
    assert (before.status, before.last_seq, before.head) == (after.status, after.last_seq, after.head)
    return report


def first(n: int) -> int:
    return b(a(n)) + outer(n)


def test_the_same_code_has_no_differences() -> None:
    recorded(first, 1)
    assert replayed(first) == ReplayReport(steps=3, diverged_at=None, differences=())


def test_a_step_that_is_gone() -> None:
    recorded(first, 1)
    report = replayed(lambda n: b(n + 1) + outer(n))
    assert report.diverged_at == 1
    report = replayed(lambda n: b(a(n)))
    assert report.diverged_at == 5
    assert report.differences == ("@5 outer was not called",)


def test_a_step_that_is_new() -> None:
    recorded(first, 1)
    report = replayed(lambda n: a(b(a(n))))
    assert report.steps == 2
    assert report.diverged_at is not None
    report = replayed(lambda n: first(n) + a(100))
    assert report.steps == 3
    assert report.diverged_at is not None
    assert report.differences


def test_another_input() -> None:
    recorded(first, 1)
    report = replayed(lambda n: b(a(n) + 1) + outer(n))
    assert report.diverged_at == 2
    assert any("n: 2 → 3" in line for line in report.differences)


def test_another_result() -> None:
    recorded(lambda n: {"total": first(n)}, 1)
    report = replayed(lambda n: {"total": first(n) + 1})
    assert report.diverged_at == 5
    assert report.differences == ("the result is another one", "~ total: 8 → 9")


def test_code_that_fails_where_the_record_has_a_result() -> None:
    def broken(n: int) -> int:
        first(n)
        raise KeyError("oops")

    recorded(first, 1)
    assert "KeyError" in replayed(broken).differences[0]


def test_code_that_swallows_the_divergence() -> None:
    def swallows(n: int) -> int:
        try:
            return b(n)
        except Exception:
            return first(n)

    recorded(first, 1)
    assert replayed(swallows).diverged_at == 1


def test_a_failed_execution() -> None:
    def fails(n: int) -> int:
        raise ValueError(["meant"][a(n) - 2])

    recorded(fails, 1)
    assert replayed(fails) == ReplayReport(1)
    assert replayed(lambda n: a(n)).differences == (
        "the code returned, where the record failed with ValueError: meant",
    )

    def otherwise(n: int) -> int:
        a(n)
        raise KeyError("other")

    assert "KeyError" in replayed(otherwise).differences[0]


def test_an_unfinished_execution_is_replayed_up_to_its_end() -> None:
    def stops(n: int) -> int:
        a(n)
        b(n)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recorded(stops, 1)
    ran.clear()
    assert replayed(lambda n: outer(b(a(n) - 1))) == ReplayReport(2)
    assert replayed(lambda n: outer(a(n))).diverged_at == 2


def test_a_step_that_failed_for_good_is_raised_again() -> None:
    @omium.step
    def fails() -> None:
        ran["fails"] += 1
        raise ValueError("meant")

    def code() -> None:
        a(1)
        fails()

    recorded(code)
    assert replayed(code) == ReplayReport(2)


def test_only_what_is_recorded_is_read_by_an_async_workflow() -> None:
    async def code(n: int) -> int:
        return b(a(n))

    import asyncio

    asyncio.run(omium.workflow(name="code")(code).options(id="x").start(3))
    ran.clear()
    assert replayed(code) == ReplayReport(2)
