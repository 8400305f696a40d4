"""Budgets: kept before each call, over all the runs of an execution."""

from __future__ import annotations

import asyncio
import contextvars
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from wire_provider import Provider

import omium
from omium import BudgetExceeded

COST = 24000 / 1e9
"""Dollars of one answer of gpt-4o-mini from the test provider, 120 tokens."""


def program(ask: Any, calls: int, stop: int | None = None, **budget: Any) -> int:
    with omium.execution("x", **budget):
        for n in range(calls):
            if n == stop:
                raise KeyboardInterrupt
            ask(f"question {n}")
    return calls


@pytest.mark.parametrize("budget", [{"budget_usd": 2.5 * COST}, {"budget_tokens": 300}])
def test_a_call_begins_while_there_is_something_left(provider: Provider, ask: Any, budget: Any) -> None:
    with pytest.raises(BudgetExceeded, match=r"execution 'x': .* raise the budget, then resume"):
        program(ask, 5, **budget)
    assert provider.hits == 3
    run = omium.get("x")
    assert run.status == "failed"
    with pytest.raises(BudgetExceeded):
        program(ask, 5, **budget)
    assert provider.hits == 3
    larger = {name: amount * 2 for name, amount in budget.items()}
    assert program(ask, 5, **larger) == 5
    assert provider.hits == 5


@pytest.mark.parametrize("budget", [{"budget_usd": 2 * COST}, {"budget_tokens": 240}])
def test_a_budget_that_is_just_reached_is_reached(provider: Provider, ask: Any, budget: Any) -> None:
    with pytest.raises(BudgetExceeded):
        program(ask, 3, **budget)
    assert provider.hits == 2


def test_what_was_spent_stays_spent(provider: Provider, ask: Any) -> None:
    """Before a crash, on an abandoned lineage, and by a broken stream."""
    for stop in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            program(ask, 5, stop, budget_tokens=600)
    assert provider.hits == 2
    omium.get("x").rollback(to=0)
    with pytest.raises(KeyboardInterrupt):
        program(ask, 5, 2, budget_tokens=600)
    assert provider.hits == 4
    with pytest.raises(BudgetExceeded, match="600 tokens of budget_tokens=600 are used"):
        program(ask, 5, budget_tokens=600)
    assert provider.hits == 5


def test_answers_from_the_record_are_free(provider: Provider, ask: Any) -> None:
    program(ask, 3)
    assert program(ask, 3, budget_tokens=0) == 3
    with omium.execution("x", mode="replay", budget_usd=0):
        ask("question 0")


def test_nothing_is_spent_at_all(provider: Provider, ask: Any) -> None:
    with pytest.raises(BudgetExceeded):
        program(ask, 1, budget_usd=0)
    assert provider.hits == 0


def test_a_program_that_catches_it_is_ended_all_the_same(provider: Provider, ask: Any) -> None:
    def body() -> None:
        with omium.execution("x", budget_tokens=100):
            ask("one")
            for n in range(3):
                with pytest.raises(BudgetExceeded):
                    ask(f"more {n}")

    with pytest.raises(BudgetExceeded):
        body()
    assert (provider.hits, omium.get("x").status) == (1, "failed")


def test_a_framework_that_wraps_it_hides_nothing(provider: Provider, ask: Any) -> None:
    def body() -> None:
        with omium.execution("x", budget_tokens=0):
            try:
                ask("one")
            except Exception as error:
                raise RuntimeError("the model failed") from error

    with pytest.raises(BudgetExceeded) as caught:
        body()
    assert str(caught.value.__cause__) == "the model failed"


def test_a_step_that_runs_out_is_no_failed_step(provider: Provider, ask: Any) -> None:
    @omium.step(retries=3)
    def think() -> str:
        try:
            return str(ask("why?").text)
        except Exception as error:
            raise RuntimeError("wrapped") from error

    def body(**budget: Any) -> str:
        with omium.execution("x", **budget):
            return think()

    with pytest.raises(BudgetExceeded):
        body(budget_tokens=0)
    assert not [entry for entry in omium.config.store().entries("x") if entry.kind != "note"]
    assert body()
    assert provider.hits == 1


CALL = {"model": "m", "messages": []}
STREAM = {**CALL, "stream": True, "stream_options": {"include_usage": True}}


def recorded() -> list[str]:
    return [entry.status for entry in omium.config.store().entries("x") if entry.kind == "llm"]


@pytest.mark.parametrize(("budget", "fit"), [(100, 1), (360, 3), (361, 4), (1200, 10)])
async def test_calls_at_once_share_a_budget(provider: Provider, library: Any, budget: int, fit: int) -> None:
    """What is under way counts: as many go together as are covered, and what they used is on record in the end."""

    async def program(budget: int) -> None:
        async with omium.execution("x", budget_tokens=budget), library.AsyncClient(base_url=provider.url) as client:
            await asyncio.gather(*(client.post("/chat/completions", json=CALL) for _ in range(10)))

    if fit < 10:
        with pytest.raises(BudgetExceeded, match=rf"{fit * 120:,} tokens of budget_tokens={budget} are used"):
            await program(budget)
    else:
        await program(budget)
    assert provider.hits == fit
    assert recorded() == ["done"] * fit
    await program(1200)
    assert provider.hits == 10


@pytest.mark.parametrize("begun", [False, True])
async def test_they_do_go_together(provider: Provider, library: Any, begun: bool) -> None:
    """But for the very first, of which nobody knows what it will use."""

    async def program(calls: int, budget: int) -> float:
        before = time.monotonic()
        async with omium.execution("x", budget_tokens=budget), library.AsyncClient(base_url=provider.url) as client:
            await asyncio.gather(*(client.post("/chat/completions", json=STREAM) for _ in range(calls)))
        return time.monotonic() - before

    if begun:
        with pytest.raises(BudgetExceeded):
            await program(2, 1)
    provider.pause = 0.05
    before = time.monotonic()
    library.post(provider.url + "/chat/completions", json=STREAM)
    one = time.monotonic() - before
    assert await program(10, 5000) < one * (1.9 if begun else 2.9)


def test_threads_share_a_budget(provider: Provider, library: Any) -> None:
    def program() -> list[str]:
        with omium.execution("x", budget_tokens=360), library.Client(base_url=provider.url) as client:

            def call() -> str:
                try:
                    return str(client.post("/chat/completions", json=CALL).status_code)
                except BudgetExceeded:
                    return "refused"

            contexts = [contextvars.copy_context() for _ in range(8)]
            with ThreadPoolExecutor(8) as pool:
                return list(pool.map(lambda context: context.run(call), contexts))

    with pytest.raises(BudgetExceeded):
        program()
    assert provider.hits == 3
    assert recorded() == ["done"] * 3


async def test_nobody_waits_for_what_cannot_end(provider: Provider, library: Any) -> None:
    """Not for a stream, which the waiting program itself reads; nor, in plain code, for the loop it blocks."""
    async with (
        omium.execution("x", budget_tokens=1000),
        library.AsyncClient(base_url=provider.url) as client,
        client.stream("POST", "/chat/completions", json=STREAM) as first,
        client.stream("POST", "/chat/completions", json=STREAM) as second,
    ):
        provider.pause = 0.05
        under_way = asyncio.create_task(client.post("/chat/completions", json=STREAM))
        await asyncio.sleep(0.02)
        assert library.post(provider.url + "/chat/completions", json=CALL).is_success
        for response in (first, second):
            await response.aread()
        assert (await under_way).is_success
    assert recorded() == ["done"] * 4


def test_what_cannot_be_counted_is_refused_before(provider: Provider, ask: Any, library: Any) -> None:
    unknown = r"no price is known for 'acme'.*omium.init\(prices=...\)"
    with pytest.raises(BudgetExceeded, match=unknown), omium.execution("a", budget_usd=1):
        ask("why?", model="acme")
    with pytest.raises(BudgetExceeded, match="include_usage"), omium.execution("b", budget_tokens=1000):
        library.post(provider.url + "/chat/completions", json={"model": "m", "messages": [], "stream": True})
    assert provider.hits == 0
    with omium.execution("c", budget_tokens=1000):
        ask("why?", model="acme")


def test_a_provider_that_never_says_is_found_out(provider: Provider, ask: Any) -> None:
    def body(**budget: Any) -> None:
        with omium.execution("x", **budget):
            provider.silent = True
            ask("one")
            ask("two")

    with pytest.raises(BudgetExceeded, match="did not say what 1 recorded call used"):
        body(budget_tokens=1000)
    body()
    assert provider.hits == 2


def test_workflows_have_budgets(provider: Provider, ask: Any) -> None:
    @omium.workflow
    def think(n: int) -> int:
        for i in range(n):
            ask(f"question {i}")
        return n

    with pytest.raises(BudgetExceeded):
        think.options(id="w", budget_tokens=100).start(3)
    assert provider.hits == 1
    assert think.options(id="w", budget_tokens=1000).start(3).result() == 3
    assert provider.hits == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"budget_usd": -1},
        {"budget_usd": float("nan")},
        {"budget_usd": Decimal("nan")},
        {"budget_usd": True},
        {"budget_usd": "2"},
        {"budget_tokens": 1.5},
    ],
)
def test_what_is_no_budget_is_refused(wrong: Any) -> None:
    with pytest.raises(omium.InvalidInput, match="budget_"):
        omium.execution("x", **wrong)
