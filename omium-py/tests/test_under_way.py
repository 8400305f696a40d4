"""What other strands have under way when one ends the run: it is paid for, and acts, so it is waited for."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

import omium
from omium.exceptions import InvalidInput, NotFinished, Waiting
from omium.runtime import _under_way
from omium.runtime._live import LiveRun


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for in vain is noticed."""
    monkeypatch.setattr(_under_way, "_PATIENCE", 3600.0)


@pytest.fixture
def started() -> threading.Event:
    return threading.Event()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def mail(ran: Counter[str], started: threading.Event, gate: threading.Event) -> Any:
    """An effect that ends when the gate opens."""

    @omium.effect
    def mail() -> str:
        ran["mail"] += 1
        started.set()
        gate.wait()
        return "sent"

    return mail


@pytest.fixture
def amail(ran: Counter[str]) -> Any:
    """One that ends a few turns of the event loop later than anything else."""

    @omium.effect
    async def amail() -> str:
        ran["mail"] += 1
        for _ in range(50):
            await asyncio.sleep(0.001)
        return "sent"

    return amail


def states() -> list[str]:
    return [each.state for each in omium.get("x").effects()]


def beside(work: Any) -> threading.Thread:
    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    thread.start()
    return thread


async def person() -> Any:
    await asyncio.sleep(0)
    return await omium.aask("May I?")


async def test_gathered_effects_leave_their_receipt_before_a_question_ends_the_run(
    amail: Any, ran: Counter[str]
) -> None:
    async def program() -> list[Any]:
        async with omium.execution("x"):
            return await asyncio.gather(amail(), person())

    with pytest.raises(Waiting):
        await program()
    assert states() == ["done"]
    omium.answer("x", "yes")
    assert await program() == ["sent", "yes"]
    assert ran["mail"] == 1


async def test_so_they_do_in_a_workflow(amail: Any, ran: Counter[str]) -> None:
    @omium.workflow
    async def both() -> list[Any]:
        return await asyncio.gather(amail(), person())

    with pytest.raises(NotFinished):
        await both.options(id="x")()
    assert states() == ["done"]
    omium.answer("x", "yes")
    assert await both.options(id="x")() == ["sent", "yes"]
    assert ran["mail"] == 1


def ends_beside(mail: Any, started: threading.Event, error: BaseException) -> None:
    """A run that ends while a thread of it sends a mail."""
    with omium.execution("x"):
        beside(mail)
        started.wait()
        raise error


def test_a_failure_waits_for_other_threads(mail: Any, started: threading.Event, gate: threading.Event) -> None:
    threading.Timer(0.2, gate.set).start()
    with pytest.raises(ZeroDivisionError):
        ends_beside(mail, started, ZeroDivisionError())
    assert states() == ["done"]
    assert omium.get("x").status == "failed"


def test_whoever_interrupts_does_not_wait(mail: Any, started: threading.Event) -> None:
    with pytest.raises(KeyboardInterrupt):
        ends_beside(mail, started, KeyboardInterrupt())
    assert states() == ["in doubt"]


async def test_a_block_that_holds_up_its_event_loop_does_not_wait_for_what_runs_on_it(amail: Any) -> None:
    async def program() -> None:
        with omium.execution("x"):
            await asyncio.gather(amail(), person())

    with pytest.raises(Waiting):
        await program()
    assert states() == ["in doubt"]


def test_what_never_ends_is_not_waited_for_for_ever(
    mail: Any, started: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_under_way, "_PATIENCE", 0.05)
    with pytest.raises(ZeroDivisionError):
        ends_beside(mail, started, ZeroDivisionError())
    assert states() == ["in doubt"]


@pytest.mark.parametrize("kind", ["effect", "step"])
def test_being_too_late_is_no_failure(
    kind: str, started: threading.Event, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that comes back when the run is over, and not yet closed, has failed at nothing."""
    threads = []

    @omium.step
    def inner() -> str:
        return "inner"

    def body() -> str:
        if not gate.is_set():
            started.set()
            gate.wait()
        return inner()

    outer = omium.effect(in_doubt="retry", name="outer")(body) if kind == "effect" else omium.step(name="outer")(body)

    def late() -> None:
        with suppress(InvalidInput):
            outer()

    def closes(run: Any) -> None:
        gate.set()
        threads[0].join()

    def program(stop: bool) -> str:
        with omium.execution("x"):
            if not stop:
                return outer()
            threads.append(beside(late))
            started.wait()
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LiveRun, "_note_cut_off", closes)
        with pytest.raises(KeyboardInterrupt):
            program(stop=True)
    assert all(each.status != "failed" for each in omium.config.store().entries("x"))
    assert program(stop=False) == "inner"
