"""Limits hold across crashes: attempts that were made stay made, and a wait is not begun anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

import omium

PROGRAM = """
import asyncio, os, signal, sys
from pathlib import Path
import omium

LOG = Path("log")
KIND, DIE_AT = sys.argv[1], int(sys.argv[2])
retries = omium.Retry(times=3, first=0.01, longest=0.01)

def body():
    why = omium.failure()
    with LOG.open("a") as file:
        print("try", why and why.message, file=file)
    number = LOG.read_text().count("try")
    if number == DIE_AT:
        os.kill(os.getpid(), signal.SIGKILL)
    inner(number)
    raise ConnectionError(f"number {number}")

@omium.step
def inner(number):
    return number

@omium.step(retries=retries)
def plain():
    body()

@omium.step(retries=retries)
async def later():
    body()

@omium.effect(retries=retries, in_doubt="retry")
def act():
    body()

try:
    with omium.execution("r"):
        {"plain": plain, "later": lambda: asyncio.run(later()), "act": act}[KIND]()
except ConnectionError as error:
    print(error)
"""


def program(directory: Path, kind: str, die_at: int) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMIUM_STORE": str(directory / "store")}
    environment["PYTHONPATH"] = str(Path(omium.__file__).parents[1])
    command = [sys.executable, "-c", PROGRAM, kind, str(die_at)]
    return subprocess.run(command, cwd=directory, env=environment, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("kind", ["plain", "later", "act"])
@pytest.mark.parametrize("die_at", [1, 2, 3, 4])
def test_a_killed_attempt_is_made_again_and_the_count_goes_on(store: Path, kind: str, die_at: int) -> None:
    assert program(store.parent, kind, die_at).returncode == -signal.SIGKILL
    done = program(store.parent, kind, 0)
    assert (done.returncode, done.stderr) == (0, "")
    # Four attempts are allowed; the one that was killed in its middle is made once more.
    tries = (store.parent / "log").read_text().splitlines()
    assert len(tries) == 5
    assert tries[die_at - 1] == tries[die_at]
    (failure,) = [each for each in omium.get("r").failures() if each.type != "crash"]
    assert failure.attempts == 4


def test_after_the_last_attempt_a_resume_begins_anew(ran: Counter[str]) -> None:
    @omium.step(retries=omium.Retry(times=2, first=0))
    def work() -> None:
        ran["work"] += 1
        raise ConnectionError

    for made in (3, 6):
        with pytest.raises(ConnectionError), omium.execution("r"):
            work()
        assert ran["work"] == made
    assert [each.attempts for each in omium.get("r").failures()] == [3, 3]


def test_a_wait_is_not_begun_anew(monkeypatch: pytest.MonkeyPatch, ran: Counter[str]) -> None:
    waited: list[float] = []

    class Died(BaseException):
        pass

    def die(_: float) -> None:
        raise Died

    @omium.step(retries=omium.Retry(times=1, first=1000, longest=1000))
    def work() -> str:
        ran["work"] += 1
        if ran["work"] == 1:
            raise ConnectionError
        return "done"

    with monkeypatch.context() as patched:
        patched.setattr("omium.runtime._record.time.sleep", die)
        with pytest.raises(Died), omium.execution("r"):
            work()
    now = time.time_ns()
    with monkeypatch.context() as patched:
        patched.setattr("omium.runtime._record.time.sleep", waited.append)
        patched.setattr("omium.runtime._attempts.time.time_ns", lambda: now + 400 * 10**9)
        with omium.execution("r"):
            assert work() == "done"
    assert 90 < waited[0] < 1110


def test_attempts_are_no_checkpoints_and_no_failures(ran: Counter[str]) -> None:
    @omium.step(retries=omium.Retry(times=2, first=0))
    def work() -> str:
        ran["work"] += 1
        if ran["work"] < 3:
            raise ConnectionError
        return "done"

    with omium.execution("r") as run:
        work()
    assert ([each.name for each in run.checkpoints()], run.failures()) == (["work"], [])
    with omium.execution("r", mode="replay"):
        assert work() == "done"
    assert run.rollback(0).falls


def test_a_call_that_is_made_again_after_its_failure_has_attempts_of_its_own(ran: Counter[str]) -> None:
    @omium.step(retries=omium.Retry(times=1, first=0))
    def work() -> str:
        ran["work"] += 1
        if ran["work"] < 6:
            raise ConnectionError
        return "done"

    def twice() -> str:
        for _ in range(2):
            try:
                return work()
            except ConnectionError:
                continue
        return work()

    with omium.execution("r") as run:
        assert twice() == "done"
    assert (ran["work"], [each.attempts for each in run.failures()]) == (6, [2, 2])
    with omium.execution("r", mode="replay"):
        assert twice() == "done"
    assert ran["work"] == 6


def test_a_workflow_that_is_retried_gives_its_steps_their_attempts_again(ran: Counter[str]) -> None:
    @omium.step(retries=omium.Retry(times=1, first=0))
    def work() -> str:
        ran["work"] += 1
        if ran["work"] < 6:
            raise ConnectionError
        return "done"

    @omium.workflow(recovery=omium.Recovery(retry=omium.Retry(times=2, first=0)))
    def whole() -> str:
        return work()

    assert whole.options(id="w").start().result() == "done"
    assert ran["work"] == 6


def test_a_workflow_whose_ladder_came_to_its_end_begins_it_anew_when_resumed(ran: Counter[str]) -> None:
    @omium.workflow(recovery=omium.Recovery(retry=omium.Retry(times=2, first=0)))
    def whole() -> str:
        ran["whole"] += 1
        if ran["whole"] < 6:
            raise ConnectionError
        return "done"

    with pytest.raises(ConnectionError):
        whole.options(id="w").start()
    assert ran["whole"] == 3
    assert whole.options(id="w").start().result() == "done"
    assert [each.recovery for each in omium.get("w").failures()] == ["retry", "retry", "fail", "retry", "retry"]


def test_after_a_kill_only_what_is_left_of_the_wait_of_a_workflow_is_waited(
    ran: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    waited: list[float] = []

    def die(seconds: float) -> None:
        if seconds:
            raise Died

    @omium.workflow(recovery=omium.Recovery(retry=omium.Retry(times=1, first=1000, longest=1000)))
    def whole() -> str:
        ran["whole"] += 1
        if ran["whole"] == 1:
            raise ConnectionError
        return "done"

    with monkeypatch.context() as patched:
        patched.setattr(import_module("omium.workflow"), "sleep", die)
        with pytest.raises(Died):
            whole.options(id="w").start()
    now = time.time_ns()
    with monkeypatch.context() as patched:
        patched.setattr(import_module("omium.workflow"), "sleep", waited.append)
        patched.setattr("omium.recovery._actions.time.time_ns", lambda: now + 400 * 10**9)
        assert whole.options(id="w").start().result() == "done"
    assert 90 < waited[0] < 1110
    assert ran["whole"] == 2


def test_an_effect_of_a_fork_has_attempts_of_its_own() -> None:
    tries: Counter[str] = Counter()

    def never_sent(text: str) -> None:
        """The original's did not happen, so the fork makes one of its own."""

    @omium.effect(retries=omium.Retry(2, first=0.001, longest=0.001), probe=never_sent)
    def send(text: str) -> str:
        key = omium.idempotency_key()
        tries[key] += 1
        if tries[key] < 3:
            raise ConnectionError("not yet")
        if len(tries) == 1:
            raise KeyboardInterrupt
        return text

    @omium.workflow
    def work() -> str:
        return send("hello")

    with pytest.raises(KeyboardInterrupt):
        work.options(id="x").start()
    fork = omium.get("x").fork(omium.config.store().execution("x").head, "y")
    assert fork.resume().result() == "hello"
    assert sorted(tries.values()) == [3, 3]
    assert [each.state for each in fork.effects() if each.execution == "y"] == ["done"]
