"""Steps that were cancelled: what the program did instead comes again, and what ended the run is tried again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from ctrl_c import hears_ctrl_c

import omium
from omium.runtime import _cancelled
from omium.runtime._place import Place

pace = {"seconds": 0.0}


@omium.step
def note(text: str) -> str:
    return text


@pytest.fixture
def slow(ran: Counter[str]) -> Callable[[str], Awaitable[str]]:
    @omium.step
    async def inner(name: str) -> str:
        ran[f"inner {name}"] += 1
        return name

    @omium.step
    async def slow(name: str) -> str:
        ran[name] += 1
        await inner(name)
        await asyncio.sleep(pace["seconds"])
        return name

    return slow


@pytest.fixture(autouse=True)
def no_pace() -> None:
    pace["seconds"] = 0.0


def statuses() -> list[tuple[str, str]]:
    entries = [entry for entry in omium.config.store().entries("x") if entry.kind == "step"]
    return [(entry.name.rpartition(".")[2], entry.status) for entry in entries]


async def test_a_timeout_and_what_came_of_it(slow: Any, ran: Counter[str]) -> None:
    async def program(stop: bool = False, mode: Any = "live") -> str:
        async with omium.execution("x", mode=mode):
            try:
                said = await asyncio.wait_for(slow("a"), 0.2)
            except asyncio.TimeoutError:
                said = note("too late")
            if stop:
                raise KeyboardInterrupt
            return said

    pace["seconds"] = 5
    with pytest.raises(KeyboardInterrupt):
        await program(stop=True)
    assert statuses() == [("inner", "done"), ("slow", "failed"), ("note", "done")]
    pace["seconds"] = 0
    assert await program() == "too late"
    assert await program(mode="replay") == "too late"
    assert ran["a"] == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout is younger")
async def test_on_the_same_strand(slow: Any, ran: Counter[str]) -> None:
    async def program(stop: bool = False) -> str:
        async with omium.execution("x"):
            try:
                async with asyncio.timeout(0.2):  # type: ignore[attr-defined,unused-ignore]
                    return await slow("a")
            except TimeoutError:
                note("too late")
            if stop:
                raise KeyboardInterrupt
            return note("end")

    pace["seconds"] = 5
    with pytest.raises(KeyboardInterrupt):
        await program(stop=True)
    pace["seconds"] = 0
    assert await program() == "end"
    assert await program() == "end"
    assert ran["a"] == 1


async def test_a_run_that_was_cancelled_goes_on(slow: Any, ran: Counter[str]) -> None:
    """At once, and with what was done inside; also when another one's commit was in the air at that moment."""

    async def program() -> list[str]:
        async with omium.execution("x"):
            return list(await asyncio.gather(slow("a"), slow("b"), slow("c")))

    pace["seconds"] = 5
    run = asyncio.create_task(program())
    await asyncio.sleep(0.3)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert statuses().count(("slow", "failed")) == 3
    pace["seconds"] = 0
    before = time.monotonic()
    assert await program() == ["a", "b", "c"]
    assert time.monotonic() - before < 2
    assert ran == {"a": 2, "inner a": 1, "b": 2, "inner b": 1, "c": 2, "inner c": 1}


async def test_what_went_on_beside_it_decides_nothing(ran: Counter[str]) -> None:
    """One that finishes all the same is on record after the one that was cancelled with the run."""

    @omium.step
    async def stubborn() -> str:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            await asyncio.sleep(0.1)
        return "done"

    @omium.step
    async def meek() -> str:
        ran["meek"] += 1
        await asyncio.sleep(5 if ran["meek"] == 1 else 0)
        return "done"

    async def program() -> list[str]:
        async with omium.execution("x"):
            tasks = [asyncio.create_task(stubborn()), asyncio.create_task(meek())]
            try:
                await asyncio.wait(tasks)
            except asyncio.CancelledError:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                raise
            return [task.result() for task in tasks]

    run = asyncio.create_task(program())
    await asyncio.sleep(0.2)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert statuses() == [("meek", "failed"), ("stubborn", "done")]
    before = time.monotonic()
    assert await program() == ["done", "done"]
    assert time.monotonic() - before < 2


@pytest.mark.skipif(sys.version_info < (3, 11), reason="task groups are younger")
@pytest.mark.parametrize("handled", [False, True])
async def test_the_failure_of_a_sibling(slow: Any, ran: Counter[str], handled: bool) -> None:
    fails = {"now": True}

    @omium.step
    async def fail() -> str:
        await asyncio.sleep(0.1)
        if fails["now"]:
            raise RuntimeError("no")
        return "fine"

    async def program(stop: bool = False) -> str:
        async with omium.execution("x"):
            try:
                async with asyncio.TaskGroup() as group:  # type: ignore[attr-defined,unused-ignore]
                    tasks = [group.create_task(slow("a")), group.create_task(fail())]
                said = " ".join(task.result() for task in tasks)
            except Exception:
                if not handled:
                    raise
                said = note("without them")
            if stop:
                raise KeyboardInterrupt
            return said

    pace["seconds"] = 5
    with pytest.raises(KeyboardInterrupt if handled else Exception):
        await program(stop=True)
    pace["seconds"], fails["now"] = 0, False
    before = time.monotonic()
    assert await program() == ("without them" if handled else "a fine")
    assert time.monotonic() - before < 2
    assert ran["a"] == (1 if handled else 2)


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    commit = Place.commit

    def slowly(place: Place, *args: Any, **kwargs: Any) -> int:
        seq = commit(place, *args, **kwargs)
        time.sleep(0.3)
        return seq

    monkeypatch.setattr(Place, "commit", slowly)


@pytest.mark.usefixtures("slow_disk")
async def test_a_timeout_while_the_outcome_is_being_recorded(slow: Any, ran: Counter[str]) -> None:
    async def program(stop: bool = False, mode: Any = "live") -> str:
        async with omium.execution("x", mode=mode):
            try:
                said = await asyncio.wait_for(slow("a"), 0.5)
            except asyncio.TimeoutError:
                said = note("too late")
            if stop:
                raise KeyboardInterrupt
            return said

    with pytest.raises(KeyboardInterrupt):
        await program(stop=True)
    assert statuses() == [("inner", "done"), ("slow", "done"), ("note", "done")]
    assert await program() == "too late"
    assert await program(mode="replay") == "too late"
    assert ran["a"] == 1


@pytest.mark.usefixtures("slow_disk")
async def test_a_run_that_is_cancelled_while_an_outcome_is_being_recorded(slow: Any, ran: Counter[str]) -> None:
    async def program() -> str:
        async with omium.execution("x"):
            return str(await slow("a"))

    run = asyncio.create_task(program())
    await asyncio.sleep(0.5)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert statuses() == [("inner", "done"), ("slow", "done")]
    before = time.monotonic()
    assert await program() == "a"
    assert time.monotonic() - before < 2
    assert ran["a"] == 1


async def test_one_that_nobody_cancels_any_more_runs(
    slow: Any, ran: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cancelled, "_GRACE", 0)

    async def program(stop: bool = False) -> str:
        async with omium.execution("x"):
            task = asyncio.create_task(slow("a"))
            if stop:
                await asyncio.sleep(0.2)
                task.cancel()
                await asyncio.wait({task})
            note("others")
            if stop:
                raise KeyboardInterrupt
            return await task

    pace["seconds"] = 5
    with pytest.raises(KeyboardInterrupt):
        await program(stop=True)
    pace["seconds"] = 0
    assert await program() == "a"
    assert ran["a"] == 2


async def test_a_step_that_waited_for_a_cancelled_task_has_failed_by_itself(ran: Counter[str]) -> None:
    @omium.step
    async def waits() -> None:
        ran["waits"] += 1
        other = asyncio.create_task(asyncio.sleep(5))
        asyncio.get_running_loop().call_later(0.05, other.cancel)
        await other

    async def program() -> None:
        async with omium.execution("x"):
            await waits()

    for _ in range(2):
        with pytest.raises(asyncio.CancelledError):
            await program()
    if sys.version_info >= (3, 11):
        assert statuses() == []
    assert ran["waits"] == 2


def test_ctrl_c(tmp_path: Path) -> None:
    program = """
        import asyncio, sys
        import omium

        @omium.step
        async def slow(n):
            print("ran", n, flush=True)
            await asyncio.sleep(float(sys.argv[1]))
            return n

        async def main():
            async with omium.execution("x"):
                print(await asyncio.gather(*map(slow, range(3))), flush=True)

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    environment = {**os.environ, "PYTHONPATH": str(Path(omium.__file__).parents[1]), "OMIUM_STORE": str(tmp_path / "s")}
    process = subprocess.Popen(
        [*command, "30"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=hears_ctrl_c,
    )
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    again = subprocess.run([*command, "0"], env=environment, capture_output=True, encoding="utf-8", timeout=4)
    assert again.stdout.splitlines() == ["ran 0", "ran 1", "ran 2", "[0, 1, 2]"], again.stderr


async def test_a_replay_of_an_effect_that_was_cancelled_is_cancelled_again(ran: Counter[str]) -> None:
    @omium.effect(in_doubt="retry")
    async def pay() -> str:
        ran["pay"] += 1
        await asyncio.sleep(5)
        return "paid"

    async def program(mode: Any = "live") -> str:
        async with omium.execution("x", mode=mode):
            try:
                return await asyncio.wait_for(pay(), 0.2)
            except asyncio.TimeoutError:
                return note("too late")

    assert await program() == "too late"
    assert await program() == "too late", "finished, it is answered from its record"
    assert await program(mode="replay") == "too late"
    assert ran["pay"] == 1
    assert [effect.state for effect in omium.get("x").effects()] == ["in doubt"]
