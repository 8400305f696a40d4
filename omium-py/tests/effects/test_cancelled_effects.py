"""Effects the program stopped waiting for: what it did instead is done once, too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import omium
from effects.conftest import Ledger
from omium import InDoubt
from omium.runtime import _cancelled
from omium.runtime._place import Place


@omium.step
def too_late() -> str:
    return "too late"


Charge = Callable[[str], Awaitable[str]]


@pytest.fixture
def charges(ledger: Ledger) -> dict[str, Charge]:
    """Two banks, one of which acts and does not answer."""

    def find(order: str, idempotency_key: str) -> str | None:
        ledger.write("probe", order)
        return f"r-{order}" if ledger.has(idempotency_key) else None

    @omium.effect(probe=find)
    async def slow(order: str) -> str:
        ledger.write("slow", order, omium.idempotency_key())
        await asyncio.sleep(60)
        return f"r-{order}"

    @omium.effect(probe=find)
    async def quick(order: str) -> str:
        ledger.write("quick", order, omium.idempotency_key())
        return f"q-{order}"

    return {"slow": slow, "quick": quick}


def acts(ledger: Ledger) -> list[str]:
    return [line.rpartition(" ")[0] for line in ledger.lines if not line.startswith("probe")]


def states() -> list[str]:
    return [f"{each.name.rpartition('.')[2]} {each.state}" for each in omium.get("x").effects()]


async def test_what_was_done_instead_is_done_again(ledger: Ledger, charges: dict[str, Charge]) -> None:
    async def program(stop: bool = False, mode: Any = "live") -> str:
        async with omium.execution("x", mode=mode):
            try:
                said = await asyncio.wait_for(charges["slow"]("o1"), 0.2)
            except asyncio.TimeoutError:
                said = await charges["quick"]("o1")
            if stop:
                raise KeyboardInterrupt
            return said

    with pytest.raises(KeyboardInterrupt):
        await program(stop=True)
    assert await program() == "q-o1"
    assert await program(mode="replay") == "q-o1"
    assert acts(ledger) == ["slow o1", "quick o1"]
    assert states() == ["slow in doubt", "quick done"]
    omium.get("x").answer("r-o1")
    assert states() == ["slow done", "quick done"]


async def test_a_fork_of_it_does_nothing_again(ledger: Ledger, charges: dict[str, Charge]) -> None:
    async def program(id: str) -> str:
        async with omium.execution(id):
            try:
                return await asyncio.wait_for(charges["slow"]("o1"), 0.2)
            except asyncio.TimeoutError:
                return await charges["quick"]("o1")

    assert await program("x") == "q-o1"
    omium.get("x").fork(omium.config.store().execution("x").head, "y")
    assert await program("y") == "q-o1"
    assert acts(ledger) == ["slow o1", "quick o1"]


async def test_while_its_receipt_was_being_recorded(
    ledger: Ledger, charges: dict[str, Charge], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Place.commit

    def slowly(place: Place, *args: Any, **kwargs: Any) -> int:
        seq = commit(place, *args, **kwargs)
        time.sleep(0.5)
        return seq

    async def program(stop: bool = False) -> str:
        async with omium.execution("x"):
            try:
                said = await asyncio.wait_for(charges["quick"]("o1"), 0.3)
            except asyncio.TimeoutError:
                said = await charges["quick"]("o2")
            if stop:
                raise KeyboardInterrupt
            return said

    with monkeypatch.context() as patch:
        patch.setattr(Place, "commit", slowly)
        with pytest.raises(KeyboardInterrupt):
            await program(stop=True)
    assert await program() == "q-o2"
    assert acts(ledger) == ["quick o1", "quick o2"]
    assert states() == ["quick done", "quick done"]


async def test_called_again_it_is_settled(ledger: Ledger, charges: dict[str, Charge]) -> None:
    """A loop of tries with a timeout each."""

    async def program() -> str:
        async with omium.execution("x"):
            for _ in range(3):
                try:
                    return await asyncio.wait_for(charges["slow"]("o1"), 0.2)
                except asyncio.TimeoutError:
                    continue
            raise AssertionError("it was found by its probe")

    assert await program() == "r-o1"
    assert acts(ledger) == ["slow o1"]


async def test_called_again_on_a_resume(ledger: Ledger) -> None:
    """Without a probe somebody is asked: first by the run it was cancelled in, then by those after it."""

    @omium.effect(in_doubt="fail")
    async def pay() -> str:
        ledger.write("pay")
        await asyncio.sleep(60)
        return "paid"

    async def program() -> str:
        async with omium.execution("x"):
            try:
                return await asyncio.wait_for(pay(), 0.2)
            except asyncio.TimeoutError:
                return await pay()

    for _ in range(2):
        with pytest.raises(InDoubt, match="ended before it left a receipt"):
            await program()
    omium.get("x").answer("found")
    assert await program() == "found"
    assert ledger.lines == ["pay"]


async def test_one_that_nobody_cancels_any_more_is_settled(
    ledger: Ledger, charges: dict[str, Charge], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cancelled, "_GRACE", 0)

    async def program(limit: float) -> str:
        async with omium.execution("x"):
            try:
                return await asyncio.wait_for(charges["slow"]("o1"), limit)
            except asyncio.TimeoutError:
                too_late()
                raise KeyboardInterrupt from None

    with pytest.raises(KeyboardInterrupt):
        await program(0.2)
    assert await program(60) == "r-o1"
    assert acts(ledger) == ["slow o1"]


async def test_cancelled_with_its_run_and_once_more_by_the_program(ledger: Ledger) -> None:
    """What cancelled it last decides."""

    @omium.effect(in_doubt="retry")
    async def pay() -> str:
        ledger.write("pay")
        await asyncio.sleep(60)
        return "paid"

    async def program(limit: float, stop: bool = False) -> str:
        async with omium.execution("x"):
            try:
                said = await asyncio.wait_for(pay(), limit)
            except asyncio.TimeoutError:
                said = too_late()
            if stop:
                raise KeyboardInterrupt
            return said

    run = asyncio.create_task(program(60))
    while not ledger.lines:  # noqa: ASYNC110  # It is a file.
        await asyncio.sleep(0.01)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    with pytest.raises(KeyboardInterrupt):
        await program(0.2, stop=True)
    assert ledger.lines == ["pay", "pay"], "the end of a run decides nothing"
    assert await program(0.2) == "too late"
    assert ledger.lines == ["pay", "pay"]


async def test_an_attempt_that_timed_out_is_over(
    ledger: Ledger, charges: dict[str, Charge], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one, in a run of its own, does not wait to be cancelled as the first was."""
    monkeypatch.setattr(_cancelled, "_GRACE", 3600)

    class Killed(BaseException):
        pass

    @omium.step(timeout=0.3, retries=omium.Retry(1, first=0.001))
    async def trip() -> str:
        if omium.failure() is not None:
            too_late()
            if stop:
                raise Killed
        return await charges["slow"]("o1")

    async def program() -> str:
        async with omium.execution("x"):
            return await trip()

    stop = True
    with pytest.raises(Killed):
        await program()
    stop = False
    assert await program() == "r-o1"
    assert acts(ledger) == ["slow o1"]
