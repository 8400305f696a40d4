"""A step that hangs: found while the run goes on, told where it hangs, and given up where that is asked for."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import omium

WARN = omium.Detect(stall=0.2)
FAIL = omium.Detect(stall=0.2, action="fail")


def hang() -> None:
    threading.Event().wait()


@omium.step
def slow(seconds: float) -> str:
    time.sleep(seconds)
    return "done"


def test_a_silent_step_is_told_of_and_the_run_goes_on() -> None:
    silent = r"slow runs, and nothing was recorded for 0\.2 s"
    with pytest.warns(RuntimeWarning, match=silent) as told, omium.execution("r", detect=WARN) as run:
        assert slow(0.7) == "done"
    assert len(told) == 1
    (failure,) = run.failures()
    assert (failure.type, failure.step, failure.error, failure.live) == ("stuck", "slow", "Stuck", True)
    assert failure.stack[-1].endswith("in slow")
    assert failure.stack[-1].startswith(__file__)
    assert [each.name for each in run.checkpoints()] == ["slow"]
    with omium.execution("r", mode="replay"):
        assert slow(0.7) == "done"


def test_each_silence_is_told_of() -> None:
    def both() -> None:
        slow(0.4)
        slow(0.5)

    with pytest.warns(RuntimeWarning), omium.execution("r", detect=WARN) as run:
        both()
    assert [each.step for each in run.failures()] == ["slow", "slow"]


def test_a_step_that_hangs_is_given_up(ran: Counter[str]) -> None:
    @omium.step
    def inner() -> str:
        ran["inner"] += 1
        if ran["inner"] == 1:
            hang()
        return "done"

    @omium.step
    def outer() -> str:
        return inner()

    @omium.workflow(detect=FAIL)
    def work() -> str:
        return outer()

    begun = time.monotonic()
    with pytest.raises(omium.Stuck, match="inner runs"):
        work.options(id="w").start()
    assert time.monotonic() - begun < 5
    run = omium.get("w")
    assert run.status == "failed"
    (failure,) = run.failures()
    assert (failure.type, failure.step) == ("stuck", "inner")
    assert any(frame.endswith("in hang") for frame in failure.stack)
    assert run.resume().result() == "done"
    assert ran["inner"] == 2


async def test_a_task_that_hangs_is_cancelled(ran: Counter[str]) -> None:
    @omium.step
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ran["cancelled"] += 1
            raise

    with pytest.raises(omium.Stuck, match="work runs"):
        async with omium.execution("r", detect=FAIL):
            await work()
    assert ran["cancelled"] == 1
    (failure,) = omium.get("r").failures()
    assert "in work" in failure.stack[-1] or "in wait" in failure.stack[-1]


def test_a_policy_of_the_workflow_deals_with_it(ran: Counter[str]) -> None:
    @omium.step
    def work() -> str:
        ran["work"] += 1
        if ran["work"] == 1:
            hang()
        return "done"

    again = omium.Recovery(retry=omium.Retry(times=1, first=0), on=(omium.Stuck,))

    @omium.workflow(detect=FAIL, recovery=again)
    def whole() -> str:
        return work()

    run = whole.options(id="w").start()
    assert (run.result(), ran["work"]) == ("done", 2)
    assert {each.type for each in run.failures()} == {"stuck"}
    assert run.failures()[-1].recovery == "retry"


def test_what_an_abandoned_thread_still_does_is_not_recorded(ran: Counter[str]) -> None:
    let_go = threading.Event()
    over = threading.Event()

    @omium.step
    def late() -> None:
        ran["late"] += 1

    @omium.step
    def work() -> None:
        let_go.wait()
        try:
            late()
        finally:
            over.set()

    with pytest.raises(omium.Stuck), omium.execution("r", detect=FAIL):
        work()
    let_go.set()
    assert over.wait(5)
    assert ran["late"] == 0


def test_an_effect_that_is_given_up_is_in_doubt(ran: Counter[str]) -> None:
    @omium.effect
    def charge() -> None:
        ran["charge"] += 1
        hang()

    with pytest.raises(omium.Stuck), omium.execution("r", detect=FAIL):
        charge()
    with pytest.raises(omium.Waiting), omium.execution("r", detect=FAIL):
        charge()
    assert ran["charge"] == 1
    assert omium.get("r").questions()


def test_waiting_is_no_stall(ran: Counter[str], recwarn: pytest.WarningsRecorder) -> None:
    @omium.step
    def asks() -> str:
        omium.sleep(0.6)
        return str(omium.ask("go on?"))

    @omium.step(retries=omium.Retry(times=1, first=1.0))
    def again() -> str:
        ran["again"] += 1
        if ran["again"] == 1:
            raise ConnectionError
        return "done"

    @omium.workflow(detect=FAIL)
    def work() -> str:
        return again() + asks()

    run = work.options(id="w").start()
    assert run.status == "waiting"
    time.sleep(0.5)
    assert run.answer("yes").resume().result() == "doneyes"
    assert (run.failures(), recwarn.list) == ([], [])


def test_progress_is_no_stall(recwarn: pytest.WarningsRecorder) -> None:
    @omium.step
    def many() -> None:
        for number in range(8):
            slow(0.1 + number / 1000)

    with omium.execution("r", detect=FAIL) as run:
        many()
        time.sleep(0.6)
    assert (run.failures(), recwarn.list) == ([], [])


async def test_one_of_several_hangs_while_another_sleeps() -> None:
    @omium.step
    async def sleeps() -> None:
        await omium.asleep(3)

    @omium.step
    async def hangs() -> None:
        await asyncio.Event().wait()

    with pytest.raises(omium.Stuck, match="hangs runs"):
        async with omium.execution("r", detect=FAIL):
            await asyncio.gather(sleeps(), hangs())


PROGRAM = """
import time, warnings, omium

@omium.step
def work():
    end = time.monotonic() + 3.0
    print("begun", flush=True)
    while time.monotonic() < end:
        time.sleep(0.05)

with omium.execution("r", detect=omium.Detect(stall=1.5, action="fail")):
    work()
"""


def test_a_process_that_did_not_run_has_not_stalled(store: Path) -> None:
    environment = {**os.environ, "OMIUM_STORE": str(store), "PYTHONPATH": str(Path(omium.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(2.2)
        os.kill(process.pid, signal.SIGCONT)
        assert process.wait(20) == 0
    assert omium.get("r").failures() == []


def test_settings_of_one_execution_come_first(store: Path, recwarn: pytest.WarningsRecorder) -> None:
    omium.init(store=store, detect=omium.Detect(repeats=3, action="fail"))

    @omium.step
    def look() -> None: ...

    def circle() -> None:
        for _ in range(5):
            look()

    patient = omium.Detect(repeats=0, loops=0)
    with omium.execution("a", detect=patient):
        circle()
    omium.workflow(detect=patient)(circle).options(id="b").start()
    omium.workflow(circle).options(id="c", detect=patient).start()
    for number, run in enumerate((omium.workflow(circle), omium.workflow(name="x")(circle))):
        with pytest.raises(omium.Stuck, match="3 times in a row"):
            run.options(id=f"d{number}").start()
    assert not recwarn.list


@pytest.mark.parametrize("detect", [omium.Detect(stall=0), omium.Detect(stall="1"), 5, True])  # type: ignore[arg-type]
def test_settings_that_make_no_sense_are_refused(detect: Any) -> None:
    with pytest.raises(omium.InvalidInput):
        omium.execution("r", detect=detect)
    with pytest.raises(omium.InvalidInput):
        omium.workflow(detect=detect)


def test_why_names_the_line_and_suspects_nobody() -> None:
    from omium.recovery._why import explain

    def both() -> None:
        slow(0)
        slow(60)

    with pytest.raises(omium.Stuck), omium.execution("r", detect=FAIL) as run:
        both()
    told = explain(run.store, run.known())
    assert (told.failure.step, told.chain, told.suspects) == ("slow", (), ())
    assert told.failure.stack == (told.failure.stack[-1],)
