"""Model calls that are under way when something else ends the run, or may use up the budget: paid once, and no more."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from crewai import Crew
from crewai.tools import tool
from fake import FakeLLM, fake, journal
from scenarios import agent, task
from test_errors import by_akickoff, by_kickoff, by_kickoff_async

import omium
from omium.exceptions import BudgetExceeded, Waiting

WAYS = [by_kickoff, by_kickoff_async, by_akickoff]

begun = threading.Event()
asked = threading.Event()


class Slow(FakeLLM):
    """Answers some time after the person was asked."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        begun.set()
        assert asked.wait(30)
        time.sleep(0.3)
        return super().call(*args, **kwargs)

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        begun.set()
        assert await asyncio.to_thread(asked.wait, 30)
        await asyncio.sleep(0.3)
        return super().call(*args, **kwargs)


@tool("approve")
def approve(query: str) -> str:
    """Asks a person while the other waits for its model."""
    assert begun.wait(30)
    asked.set()
    return f"the person says {omium.ask('May I?')}"


def two_at_once() -> Crew:
    asking, slow = agent("asking", fake(), [approve]), agent("slow", Slow(model="slow-1"), [])
    last = agent("last", fake(), [])
    tasks = [task(0, asking, async_execution=True), task(1, slow, async_execution=True), task(2, last)]
    return Crew(agents=[asking, slow, last], tasks=tasks, verbose=False)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_question_leaves_under_way_is_paid_once(way: Callable[[Crew], Any]) -> None:
    begun.clear()
    asked.clear()
    with pytest.raises(Waiting), omium.execution("x"):
        way(two_at_once())
    made = journal.lines("llm")
    assert made.total() == 2
    entries = omium.get("x").checkpoints()
    assert sorted(each.name for each in entries if each.kind == "llm") == ["fake-1", "slow-1"]
    omium.answer("x", "yes")
    with omium.execution("x"):
        way(two_at_once())
    assert set(journal.lines("llm").values()) == {1}


class Dear(FakeLLM):
    """Takes a while, so that calls made side by side do overlap."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        time.sleep(0.1)
        return super().call(*args, **kwargs)

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0.1)
        return super().call(*args, **kwargs)


@pytest.mark.parametrize("way", WAYS)
def test_tasks_side_by_side_share_one_budget(way: Callable[[Crew], Any]) -> None:
    """Each call uses 110 tokens: the third begins with 220 spent, the fourth would with 330."""
    workers = [agent(f"worker {n}", Dear(model="dear-1"), []) for n in range(5)]
    tasks = [task(n, each, async_execution=n < 4) for n, each in enumerate(workers)]
    with pytest.raises(BudgetExceeded), omium.execution("x", budget_tokens=250):
        way(Crew(agents=workers, tasks=tasks, verbose=False))
    assert journal.lines("llm").total() == 3
