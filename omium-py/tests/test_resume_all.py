"""`omium.resume_all`: at its start a service takes up what nobody runs, and nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

import omium
from omium import Divergence, InvalidInput

lock = threading.Lock()

PROGRAM = """
import os, sys, time
import omium

omium.init(store={store!r})

@omium.step
def note(text):
    with open({log!r}, "a") as log:
        log.write(text + "\\n")

@omium.workflow
def job(name):
    note(name + ".first")
    if {ends!r} == "dies":
        print("ready", flush=True)
        time.sleep(60)
    note(name + ".second")
    return name

@omium.workflow
def other(name):
    note(name + ".other")
    raise KeyboardInterrupt
"""


def program(store: Path, then: str, ends: str = "") -> list[str]:
    source = PROGRAM.format(store=str(store), log=str(store.parent / "log"), ends=ends)
    return [sys.executable, "-c", source + then]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def start(store: Path, then: str, ends: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(program(store, then, ends), env=environment(), stdout=subprocess.PIPE, text=True)


def killed(store: Path, id: str) -> None:
    """A process that died in the middle of that execution."""
    process = start(store, f"job.options(id={id!r}).start({id!r})", "dies")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()


def lines(store: Path) -> Counter[str]:
    log = store.parent / "log"
    return Counter(log.read_text("utf-8").split())


def test_what_died_goes_on_and_what_lives_is_left_alone(store: Path) -> None:
    for id in ("a", "b", "c"):
        killed(store, id)
    living = start(store, "job.options(id='held').start('held')", "dies")
    assert living.stdout is not None
    assert living.stdout.readline() == "ready\n"
    try:
        done = start(store, "print(*(f'{each.execution.id}:{each.error}' for each in omium.resume_all()))")
        assert done.communicate(timeout=60)[0] == "a:None b:None c:None\n"
        assert omium.get("held").status == "running"
        assert not omium.get("held").orphaned
    finally:
        living.kill()
        living.communicate()
    assert [omium.get(id).result() for id in "abc"] == ["a", "b", "c"]
    ran = {f"{id}.{step}": 1 for id in "abc" for step in ("first", "second")}
    assert lines(store) == {**ran, "held.first": 1}


def test_services_that_start_at_once_share_the_work(store: Path) -> None:
    ids = [f"run-{n}" for n in range(6)]
    for id in ids:
        killed(store, id)
    resumed = "print(*(each.execution.id for each in omium.resume_all() if each.error is None))"
    services = [start(store, resumed) for _ in range(3)]
    told = [service.communicate(timeout=60)[0].split() for service in services]
    assert [service.returncode for service in services] == [0, 0, 0]
    assert all(omium.get(id).status == "completed" for id in ids)
    # One that was over when another one looked at it is told by that one too: nothing ran there.
    assert {id for each in told for id in each} == set(ids)
    assert set(lines(store).values()) == {1}


def interrupted(ran: Counter[str], name: str) -> None:
    """The first run of it stops; it is left running, with nobody who runs it."""
    with lock:
        ran[name] += 1
    if ran[name] == 1:
        raise KeyboardInterrupt


def stopped(workflow: omium.Workflow[[str], str], *ids: str) -> None:
    for id in ids:
        with pytest.raises(KeyboardInterrupt):
            workflow.options(id=id).start(id)


def test_only_the_workflows_that_are_given(ran: Counter[str]) -> None:
    @omium.workflow
    def mine(name: str) -> str:
        interrupted(ran, name)
        return name

    @omium.workflow
    def theirs(name: str) -> str:
        interrupted(ran, name)
        return name

    stopped(mine, "m")
    stopped(theirs, "t")
    assert [(each.execution.id, each.error) for each in omium.resume_all([mine])] == [("m", None)]
    assert omium.get("t").status == "ready"
    # Loose code that bears the name of a workflow is continued by its own program alone.
    with pytest.raises(KeyboardInterrupt), omium.execution("loose", workflow="theirs"):
        raise KeyboardInterrupt
    assert [each.execution.id for each in omium.resume_all()] == ["t"]
    assert omium.get("loose").status == "ready"
    assert omium.resume_all() == []


def test_one_that_fails_does_not_stop_the_others(ran: Counter[str]) -> None:
    @omium.workflow
    def may_fail(name: str) -> str:
        interrupted(ran, name)
        if name == "bad":
            raise ValueError("no")
        return name

    stopped(may_fail, "good-1", "bad", "good-2")
    told = omium.resume_all([may_fail], concurrency=1)
    assert [each.execution.id for each in told] == ["good-1", "bad", "good-2"]
    assert [type(each.error) for each in told] == [type(None), ValueError, type(None)]
    assert [each.execution.status for each in told] == ["completed", "failed", "completed"]
    # It failed: whoever wants another try resumes it by its id.
    assert omium.resume_all([may_fail]) == []


def test_at_most_so_many_at_a_time(ran: Counter[str]) -> None:
    at_once = []
    running: set[str] = set()

    @omium.workflow
    def busy(name: str) -> str:
        interrupted(ran, name)
        with lock:
            running.add(name)
            at_once.append(len(running))
        threading.Event().wait(0.05)
        with lock:
            running.remove(name)
        return name

    stopped(busy, *(f"b-{n}" for n in range(8)))
    assert len(omium.resume_all([busy], concurrency=3)) == 8
    assert max(at_once) in (2, 3)


def test_code_of_another_version_leaves_it_as_it_is(ran: Counter[str]) -> None:
    def code(name: str) -> str:
        interrupted(ran, name)
        return name

    old = omium.workflow(version="1", name="code")(code)
    stopped(old, "v")
    (told,) = omium.resume_all([omium.workflow(version="2", name="code")(code)])
    assert isinstance(told.error, Divergence)
    assert "version 1" in str(told.error)
    assert (told.execution.status, told.execution.orphaned, ran["v"]) == ("ready", False, 1)
    assert [each.error for each in omium.resume_all([old])] == [None]


def test_one_that_calls_another_by_its_id(ran: Counter[str]) -> None:
    meeting = threading.Barrier(2)

    @omium.workflow
    def inner(name: str) -> str:
        interrupted(ran, name)
        meeting.wait(10)
        threading.Event().wait(0.2)
        return name

    @omium.workflow
    def outer(name: str) -> str:
        with lock:
            ran[name] += 1
        if ran[name] == 2:
            meeting.wait(10)
        return inner.options(id="in").start("in").result()

    stopped(outer, "out")
    told = omium.resume_all([inner, outer])
    assert [(each.execution.id, each.error) for each in told] == [("out", None), ("in", None)]
    assert omium.get("out").result() == "in"


def test_a_question_that_was_answered(ran: Counter[str]) -> None:
    @omium.workflow
    def asks(name: str) -> str:
        said: str = omium.ask("which?")
        return said

    for id in ("answered", "open"):
        asks.options(id=id).start(id)
    omium.answer("answered", "this")
    assert [each.execution.id for each in omium.resume_all([asks])] == ["answered"]
    assert omium.get("answered").result() == "this"
    assert omium.get("open").status == "waiting"


def test_what_it_does_not_take() -> None:
    with pytest.raises(InvalidInput, match="concurrency"):
        omium.resume_all(concurrency=0)
    with pytest.raises(InvalidInput, match=r"@omium\.workflow"):
        omium.resume_all([len])  # type: ignore[list-item]
    with omium.execution("x"), pytest.raises(InvalidInput, match="outside"):
        omium.resume_all()

    async def in_a_loop() -> None:
        omium.resume_all()

    with pytest.raises(InvalidInput, match=r"await omium\.aresume_all\(\)"):
        asyncio.run(in_a_loop())


def test_in_a_loop(ran: Counter[str]) -> None:
    loops = []

    @omium.workflow
    async def later(name: str) -> str:
        interrupted(ran, name)
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0.01)
        if name == "bad":
            raise ValueError("no")
        return name

    @omium.workflow
    def plain(name: str) -> str:
        interrupted(ran, name)
        return name

    async def service() -> list[omium.Resumed]:
        told = await omium.aresume_all([later, plain], concurrency=2)
        assert set(loops) == {asyncio.get_running_loop()}
        return told

    for id in ("a", "bad", "b"):
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(later.options(id=id).start(id))  # type: ignore[arg-type]
    stopped(plain, "p")
    told = asyncio.run(service())
    assert [each.execution.id for each in told] == ["a", "bad", "b", "p"]
    assert [type(each.error) for each in told] == [type(None), ValueError, type(None), type(None)]


def test_a_service_that_stops_while_it_resumes_leaves_the_rest_for_the_next_start(ran: Counter[str]) -> None:
    begun = asyncio.Event()

    @omium.workflow
    async def slow(name: str) -> str:
        with lock:
            ran[name] += 1
        if ran[name] == 1:
            raise KeyboardInterrupt
        begun.set()
        await asyncio.sleep(60)
        return name

    async def service() -> None:
        resuming = asyncio.ensure_future(omium.aresume_all([slow], concurrency=1))
        await begun.wait()
        resuming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await resuming

    for id in ("s-0", "s-1"):
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(slow.options(id=id).start(id))  # type: ignore[arg-type]
    asyncio.run(service())
    assert [omium.get(id).status for id in ("s-0", "s-1")] == ["ready", "ready"]
    assert ran == {"s-0": 2, "s-1": 1}
