"""`result(timeout=)`: waits for whoever runs the execution, and says at once when nobody does."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import omium
from omium import InvalidInput, LeaseHeld, NotFinished, RecordedFailure

PROGRAM = """
import sys, time
import omium

omium.init(store={store!r})

@omium.workflow
def elsewhere(ends):
    print("runs", flush=True)
    sys.stdin.readline()
    if ends == "fails":
        raise ValueError("no luck")
    if ends == "asks":
        return omium.ask("really?")
    return ends

elsewhere.options(id="x").start(sys.argv[1])
"""


if TYPE_CHECKING:
    from typing_extensions import Self


class Elsewhere:
    """A process that runs the execution `x` until it is told to go on."""

    def __init__(self, store: Path, ends: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(store=str(store)), ends],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "runs\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def soon(self, what: Any) -> None:
        threading.Timer(0.3, what).start()


def test_it_waits_for_another_process(store: Path) -> None:
    with Elsewhere(store, "done") as process:
        run = omium.get("x")
        with pytest.raises(NotFinished, match=r"runs it, and result\(timeout=SECONDS\) waits for it"):
            run.result()
        began = time.monotonic()
        with pytest.raises(TimeoutError, match=r"no result after 0\.2 s: .* runs it; ask again with more time"):
            run.result(timeout=0.2)
        assert 0.2 <= time.monotonic() - began < 2
        process.soon(process.go_on)
        assert run.result(timeout=30) == "done"


def test_it_waits_as_long_as_it_takes(store: Path) -> None:
    with Elsewhere(store, "done") as process:
        process.soon(process.go_on)
        assert omium.get("x").result(timeout=None) == "done"


def test_it_raises_what_the_other_process_failed_with(store: Path) -> None:
    with Elsewhere(store, "fails") as process:
        process.soon(process.go_on)
        with pytest.raises(RecordedFailure, match="failed: ValueError: no luck"):
            omium.get("x").result(timeout=30)


def test_a_question_ends_the_wait(store: Path) -> None:
    with Elsewhere(store, "asks") as process:
        process.soon(process.go_on)
        with pytest.raises(NotFinished, match=r"waits: @1 really\?"):
            omium.get("x").result(timeout=30)


def test_a_death_ends_the_wait(store: Path) -> None:
    with Elsewhere(store, "done") as process:
        process.soon(process.kill)
        began = time.monotonic()
        with pytest.raises(NotFinished, match="nobody runs it: resume it"):
            omium.get("x").result(timeout=30)
        assert time.monotonic() - began < 5


def test_a_cancellation_ends_the_wait(store: Path) -> None:
    with Elsewhere(store, "done") as process:
        process.soon(lambda: omium.config.store().cancel("x"))
        with pytest.raises(RecordedFailure, match="was cancelled: a fork of it goes on"):
            omium.get("x").result(timeout=30)


def test_who_comes_second_is_told_how_to_wait(store: Path) -> None:
    with Elsewhere(store, "done"):
        expected = r"omium\.get\('x'\)\.result\(timeout=SECONDS\) waits"
        with pytest.raises(LeaseHeld, match=expected) as caught, omium.execution("x", workflow="elsewhere"):
            pass
        assert caught.value.owner is not None


def test_it_waits_for_another_thread() -> None:
    goes_on = threading.Event()

    @omium.workflow
    def here(name: str) -> str:
        goes_on.wait(10)
        return name

    thread = threading.Thread(target=here.options(id="t").start, args=("t",))
    thread.start()
    while not any(each.id == "t" for each in omium.executions(status="running")):
        time.sleep(0.01)
    threading.Timer(0.2, goes_on.set).start()
    assert omium.get("t").result(timeout=10) == "t"
    thread.join()


def test_the_loop_goes_on_meanwhile(store: Path) -> None:
    async def program(process: Elsewhere) -> tuple[str, int]:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.01)

        turning = asyncio.ensure_future(turn())
        with pytest.raises(TimeoutError):
            await omium.get("x").aresult(timeout=0.3)
        process.go_on()
        found = await omium.get("x").aresult(timeout=30)
        turning.cancel()
        return found, turns

    with Elsewhere(store, "done") as process:
        found, turns = asyncio.run(program(process))
    assert found == "done"
    assert turns > 10


def test_a_run_that_waits_costs_next_to_nothing(store: Path) -> None:
    with Elsewhere(store, "done"):
        began = time.process_time()
        with pytest.raises(TimeoutError):
            omium.get("x").result(timeout=1.5)
        assert time.process_time() - began < 0.3


def test_a_run_that_is_part_of_it_does_not_wait_for_itself() -> None:
    with omium.execution("self") as run, pytest.raises(NotFinished, match="this code is part of it"):
        run.result(timeout=None)

    async def main() -> None:
        with omium.execution("self too") as run, pytest.raises(NotFinished, match="this code is part of it"):
            await run.aresult(timeout=None)

    asyncio.run(main())


def test_between_the_runs_of_a_policy_it_is_not_over(ran: Counter[str]) -> None:
    began = threading.Event()

    @omium.workflow(recovery=omium.Recovery(retry=omium.Retry(times=1, first=0.5)))
    def again() -> str:
        ran["again"] += 1
        began.set()
        time.sleep(0.1)
        if ran["again"] == 1:
            raise ConnectionError("not yet")
        return "at last"

    thread = threading.Thread(target=again.options(id="again").start)
    thread.start()
    assert began.wait(10)
    assert omium.get("again").result(timeout=10) == "at last"
    thread.join()


def test_it_had_ended_before(ran: Counter[str]) -> None:
    @omium.workflow
    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fails.options(id="f").start()
    began = time.monotonic()
    with pytest.raises(RecordedFailure, match="failed: ValueError: no"):
        omium.get("f").result(timeout=30)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("timeout", [-1, True, "5", float("nan")])
def test_what_is_no_time(timeout: Any) -> None:
    with omium.execution("x") as run:
        pass
    with pytest.raises(InvalidInput, match="timeout is a number of seconds from 0"):
        run.result(timeout=timeout)
