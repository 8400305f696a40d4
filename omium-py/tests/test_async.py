"""Async code: the same names, any interleaving, and an event loop that never waits for the disk."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import Counter
from typing import Any

import pytest

import omium
from omium import InvalidInput


@omium.step
async def fetch(n: int) -> int:
    await asyncio.sleep(0.001 * (n % 3))
    return n * 10


@omium.step
def note(text: str) -> str:
    return text


async def test_an_async_workflow() -> None:
    @omium.workflow
    async def total(n: int) -> int:
        return sum([await fetch(i) for i in range(n)])

    assert await total(3) == 30
    run = await total.options(id="t").start(3)
    assert await run.aresult() == 30
    assert run.result() == 30
    assert (await (await total.options(id="t").start(3)).aresume()).status == "completed"
    assert inspect.iscoroutinefunction(fetch)


def interrupted(ran: Counter[str], name: str, times: int = 1) -> None:
    """Stops the program the first times it comes here."""
    ran[name] += 1
    if ran[name] <= times:
        raise KeyboardInterrupt


def run_twice(program: Any, ran: Counter[str]) -> Any:
    """Runs it, interrupted once by itself, and again to the end."""
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(program())
    return asyncio.run(program())


def test_gather_is_answered_whatever_the_order(ran: Counter[str]) -> None:
    @omium.step
    async def work(n: int) -> int:
        ran[f"work {n}"] += 1
        await asyncio.sleep(0.002 * ((n * 7 + ran["tries"]) % 5))
        return n

    async def program() -> list[int]:
        async with omium.execution("g"):
            ran["tries"] += 1
            first = await asyncio.gather(*(work(n) for n in range(20)))
            note("between")
            interrupted(ran, "stop")
            second = await asyncio.gather(*(work(n) for n in range(20, 40)))
            return first + second

    assert run_twice(program, ran) == list(range(40))
    assert all(ran[f"work {n}"] == 1 for n in range(40))


def test_strands_inside_tasks_are_each_in_order(ran: Counter[str]) -> None:
    @omium.step
    async def work(n: int, i: int) -> int:
        ran[f"work {n} {i}"] += 1
        await asyncio.sleep(0)
        return n * 10 + i

    async def strand(n: int) -> int:
        total = 0
        for i in range(4):
            total += await work(n, i)
            note(f"{n}.{i}")
        return total

    async def program() -> int:
        async with omium.execution("s"):
            totals = await asyncio.gather(*(strand(n) for n in range(5)))
            interrupted(ran, "stop")
            tasks = [asyncio.create_task(strand(n)) for n in range(5, 10)]
            return sum(totals) + sum([await task for task in tasks])

    assert run_twice(program, ran) == sum(n * 10 + i for n in range(10) for i in range(4))
    assert all(ran[f"work {n} {i}"] == 1 for n in range(10) for i in range(4))


def test_identical_calls_in_parallel_are_counted(ran: Counter[str]) -> None:
    @omium.step
    async def draw() -> int:
        ran["draw"] += 1
        await asyncio.sleep(0)
        return ran["draw"]

    async def program() -> list[int]:
        async with omium.execution("d"):
            drawn = await asyncio.gather(*(draw() for _ in range(10)))
            interrupted(ran, "stop")
            return sorted(drawn)

    run_twice(program, ran)
    assert ran["draw"] == 10


def test_to_thread_and_run_in_executor(ran: Counter[str]) -> None:
    @omium.step
    def work(n: int) -> int:
        ran["work"] += 1
        return n + 1

    def chain(n: int) -> int:
        return work(work(work(n)))

    async def program() -> list[int]:
        async with omium.execution("t"):
            values = await asyncio.gather(*(asyncio.to_thread(chain, n * 10) for n in range(6)))
            interrupted(ran, "stop")
            return [*values, await asyncio.to_thread(chain, 100)]

    assert run_twice(program, ran) == [3, 13, 23, 33, 43, 53, 103]
    assert ran["work"] == 21


def test_many_commits_do_not_wait_for_the_default_executor() -> None:
    """Every thread of the default executor waits for a step: their commits must not need one."""

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        async with omium.execution("x"):

            def wait_for_step(n: int) -> int:
                return asyncio.run_coroutine_threadsafe(fetch(n), loop).result(30)

            return await asyncio.gather(*(asyncio.to_thread(wait_for_step, n) for n in range(64)))

    assert asyncio.run(main()) == [n * 10 for n in range(64)]


async def test_the_loop_runs_on_while_a_commit_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    from omium.runtime._place import Place

    committing, go_on = threading.Event(), threading.Event()
    commit = Place.commit

    def slow(self: Place, *args: Any) -> int:
        committing.set()
        assert go_on.wait(30)
        return commit(self, *args)

    monkeypatch.setattr(Place, "commit", slow)
    async with omium.execution("x"):
        task = asyncio.create_task(fetch(1))
        assert await asyncio.to_thread(committing.wait, 30)
        go_on.set()
        assert await task == 10


async def test_a_cancelled_step_is_not_recorded_and_a_commit_in_the_air_is() -> None:
    started = asyncio.Event()

    @omium.step
    async def forever() -> None:
        started.set()
        await asyncio.sleep(60)

    async with omium.execution("x") as run:
        task = asyncio.create_task(forever())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert run.checkpoints() == []
        assert await fetch(1) == 10


async def test_cancelling_during_the_commit_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from omium.runtime._place import Place

    committing, go_on = threading.Event(), threading.Event()
    commit = Place.commit

    def slow(self: Place, *args: Any) -> int:
        committing.set()
        assert go_on.wait(30)
        return commit(self, *args)

    monkeypatch.setattr(Place, "commit", slow)
    async with omium.execution("x") as run:
        task = asyncio.create_task(fetch(1))
        assert await asyncio.to_thread(committing.wait, 30)
        task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [each.name for each in run.checkpoints()] == ["fetch"]


async def test_a_cancelled_run_can_be_resumed() -> None:
    @omium.workflow
    async def long() -> str:
        await fetch(1)
        if len(omium.get("l").checkpoints()) == 1 and not resumed:
            await asyncio.sleep(60)
        return "done"

    resumed: list[bool] = []
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(long.options(id="l").start(), 0.5)
    assert omium.get("l").status == "ready"
    resumed.append(True)
    assert (await omium.get("l").aresume()).result() == "done"


async def test_failures_in_a_gather_are_recorded_each(ran: Counter[str]) -> None:
    @omium.step
    async def work(n: int) -> int:
        ran["work"] += 1
        if n % 2:
            raise ValueError(n)
        return n

    for _ in range(2):
        async with omium.execution("f"):
            results = await asyncio.gather(*(work(n) for n in range(4)), return_exceptions=True)
            assert [repr(each) for each in results] == ["0", "ValueError(1)", "2", "ValueError(3)"]
            note("after")
    assert ran["work"] == 4


async def test_every_failure_of_a_group_is_tried_again(ran: Counter[str]) -> None:
    if not hasattr(asyncio, "TaskGroup"):
        pytest.skip("Python 3.11")

    @omium.step
    async def work(n: int) -> int:
        ran["work"] += 1
        if ran["work"] <= 3:
            raise ConnectionError(n)
        return n

    async def program() -> list[int]:
        async with omium.execution("g"):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work(n)) for n in range(3)]
            return [task.result() for task in tasks]

    with pytest.raises(ExceptionGroup):  # noqa: F821
        await program()
    assert await program() == [0, 1, 2]


async def test_plain_handles_of_async_workflows_say_which_twin_to_await() -> None:
    @omium.workflow
    async def later() -> int:
        return await fetch(2)

    run = await later.options(id="l").start()
    run.rollback(to=0)
    with pytest.raises(InvalidInput, match=r"await handle\.aresume\(\)"):
        run.resume()
    with pytest.raises(InvalidInput, match=r"await handle\.areplay\(\)"):
        run.replay()
    await run.aresume()
    assert (await run.areplay()).steps == 1
    assert (await run.arollback(to=0, plan=True)).to == 0
    assert await asyncio.to_thread(lambda: run.replay().steps) == 1


async def test_a_plain_workflow_resumes_off_the_loop() -> None:
    @omium.workflow
    def plain() -> str:
        return note("p") + threading.current_thread().name

    run = plain.options(id="p").start()
    run.rollback(to=0)
    assert (await (await run.aresume()).aresult()) != "pMainThread"
    assert (await run.areplay()).steps == 1


def test_outside_an_execution_nothing_is_recorded() -> None:
    assert asyncio.run(fetch(3)) == 30
    assert omium.executions() == []
