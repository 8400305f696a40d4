"""`@omium.checkpoint(name)` and `with omium.Checkpoint(name)`: steps under a familiar name."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

import omium


def test_the_decorator_is_a_step_with_its_name_first(ran: Counter[str]) -> None:
    @omium.checkpoint("plan", retries=1)
    def make_plan(goal: str) -> list[str]:
        """Plans."""
        ran["plan"] += 1
        return [goal]

    @omium.checkpoint("review")
    async def review(plan: list[str]) -> int:
        ran["review"] += 1
        return len(plan)

    async def program() -> int:
        async with omium.execution("x"):
            return await review(make_plan("win"))

    assert asyncio.run(program()) == asyncio.run(program()) == 1
    assert ran == {"plan": 1, "review": 1}
    assert make_plan.__doc__ == "Plans."
    assert [each.name for each in omium.get("x").checkpoints()] == ["plan", "review"]
    assert make_plan("alone") == ["alone"]


@omium.step
def work(n: int) -> int:
    seen["work"] += 1
    return n


seen: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def clear() -> None:
    seen.clear()


def test_a_block_leaves_a_checkpoint_and_gives_a_scope() -> None:
    for _ in range(2):
        with omium.execution("x") as run:
            with omium.Checkpoint("plan") as block:
                if not block.recorded:
                    block.value = {"plan": work(1) + work(2)}
            assert block.value == {"plan": 3}
            work(3)
    assert seen["work"] == 3
    entries = run.checkpoints()
    assert [each.name for each in entries] == ["work", "work", "plan", "work"]
    assert [bool(each.scope) for each in entries] == [True, True, False, False]


def test_a_body_that_always_runs_is_answered_by_its_steps() -> None:
    for _ in range(3):
        with omium.execution("x"):
            for _ in range(2):
                with omium.Checkpoint("loop") as block:
                    block.value = work(1)
            assert block.value == 1
    assert seen["work"] == 2


def test_a_block_that_was_interrupted_goes_on_inside(ran: Counter[str]) -> None:
    def program() -> None:
        with omium.execution("x"), omium.Checkpoint("plan"):
            work(1)
            ran["program"] += 1
            if ran["program"] == 1:
                raise KeyboardInterrupt
            work(2)

    with pytest.raises(KeyboardInterrupt):
        program()
    program()
    assert seen["work"] == 2


def test_a_failed_block_raises_again_on_entering(ran: Counter[str]) -> None:
    def fails() -> None:
        ran["body"] += 1
        raise ValueError("bad plan")

    def program() -> None:
        with omium.execution("x"):
            with pytest.raises(ValueError, match="bad plan"), omium.Checkpoint("plan"):
                fails()
            work(1)
            ran["program"] += 1
            if ran["program"] == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        program()
    program()
    assert ran == {"body": 1, "program": 2}
    assert seen["work"] == 1


async def test_async_blocks() -> None:
    for _ in range(2):
        async with omium.execution("x") as run:
            async with omium.Checkpoint("plan") as block:
                block.value = work(1)
            assert block.value == 1
    assert seen["work"] == 1
    assert [each.name for each in run.checkpoints()] == ["work", "plan"]
    with pytest.raises(ValueError, match="bad plan"):
        async with omium.execution("y"), omium.Checkpoint("plan"):
            raise ValueError("bad plan")


def test_outside_an_execution_it_is_just_a_block() -> None:
    with omium.Checkpoint("plan") as block:
        block.value = work(1)
    assert (block.value, block.recorded) == (1, False)
    assert omium.executions() == []


def test_a_function_or_a_state_is_no_name() -> None:
    """Either would be taken for one, and nothing would ever be recorded."""
    for given in (len, {"sources": []}, None):
        with pytest.raises(omium.InvalidInput, match="takes a name"):
            omium.checkpoint(given)  # type: ignore[arg-type]
    for decorator in (omium.step, omium.effect, omium.workflow):
        with pytest.raises(omium.InvalidInput, match="a name is a text"):
            decorator(name=5)(lambda: None)  # type: ignore[call-overload]
