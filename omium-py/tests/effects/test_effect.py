"""An effect happens once: what a crash leaves in doubt is settled as its policy says."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial, wraps
from typing import Any

import pytest

import omium
from effects.conftest import Ledger
from omium import InDoubt, InvalidInput, NotSerializable, StoreUnavailable

Dies = Callable[[Callable[[], Any]], None]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def make(ledger: Ledger, **options: Any) -> Any:
    """A workflow of one effect that dies, once, after it has acted or before."""
    state = {"die": ""}

    @omium.effect(key="order", **options)
    def charge(order: str, cents: int = 0) -> str:
        if state["die"] == "before":
            die()
        ledger.write("charge", order, omium.idempotency_key())
        if state["die"] == "after":
            die()
        return f"receipt {order}"

    @omium.workflow
    def buy(order: str) -> str:
        return charge(order, 5)

    return buy, state


def find(ledger: Ledger) -> Callable[[str, str], str | None]:
    def probe(order: str, idempotency_key: str) -> str | None:
        return f"found {order}" if ledger.has(idempotency_key) else None

    return probe


def test_the_receipt_answers(ledger: Ledger) -> None:
    buy, _ = make(ledger)
    run = buy.options(id="a").start("o1")
    assert run.result() == "receipt o1"
    assert buy.options(id="a").start("o1").result() == "receipt o1"
    assert len(ledger.lines) == 1
    assert [each.kind for each in run.checkpoints()] == ["effect"]
    assert [record.state for record in run.effects()] == ["done"]


def test_outside_an_execution_it_is_a_plain_function(ledger: Ledger) -> None:
    @omium.effect(probe=find(ledger))
    def charge(order: str) -> str:
        """Charges."""
        return omium.idempotency_key()

    assert (charge.__name__, charge.__doc__) == ("charge", "Charges.")
    assert charge("a") != charge("a")
    with pytest.raises(InvalidInput, match="belongs inside"):
        omium.idempotency_key()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_probe_settles_it(ledger: Ledger, dies: Dies, when: str) -> None:
    buy, state = make(ledger, probe=find(ledger))
    state["die"] = when
    dies(lambda: buy.options(id="a").start("o1"))
    state["die"] = ""
    run = buy.options(id="a").start("o1")
    assert run.result() == ("found o1" if when == "after" else "receipt o1")
    assert len(ledger.lines) == 1


def test_retry_keeps_the_key(ledger: Ledger, dies: Dies) -> None:
    buy, state = make(ledger, in_doubt="retry")
    state["die"] = "after"
    dies(lambda: buy.options(id="a").start("o1"))
    state["die"] = ""
    assert buy.options(id="a").start("o1").result() == "receipt o1"
    first, second = ledger.lines
    assert first == second, "the same key, so that the outside can tell"


def test_without_a_probe_a_person_is_asked(ledger: Ledger, dies: Dies) -> None:
    buy, state = make(ledger)
    state["die"] = "after"
    dies(lambda: buy.options(id="a").start("o1"))
    state["die"] = ""
    run = buy.options(id="a").start("o1")
    assert (run.status, len(ledger.lines)) == ("waiting", 1)
    assert [each.kind for each in run.questions()] == ["effect"]
    omium.answer("a", "told")
    assert run.resume().result() == "told"
    assert len(ledger.lines) == 1


def test_what_did_not_happen_runs_again(ledger: Ledger, dies: Dies) -> None:
    buy, state = make(ledger)
    state["die"] = "before"
    dies(lambda: buy.options(id="a").start("o1"))
    state["die"] = ""
    run = buy.options(id="a").start("o1")
    assert run.status == "waiting"
    run.answer(happened=False)
    assert [record.state for record in run.effects()] == ["did not happen"]
    assert run.resume().result() == "receipt o1"
    assert len(ledger.lines) == 1


def test_fail_raises_and_can_be_answered(ledger: Ledger, dies: Dies) -> None:
    buy, state = make(ledger, in_doubt="fail")
    state["die"] = "after"
    dies(lambda: buy.options(id="a").start("o1"))
    state["die"] = ""
    with pytest.raises(InDoubt) as caught:
        buy.options(id="a").start("o1")
    assert caught.value.execution == "a"
    run = omium.get("a")
    assert run.status == "failed"
    run.answer("told", seq=caught.value.seq)
    assert run.resume().result() == "told"


def test_a_probe_that_fails_leaves_it_in_doubt(ledger: Ledger, dies: Dies) -> None:
    trouble = ["bank down"]

    def probe(order: str, idempotency_key: str) -> str | None:
        if trouble:
            raise ConnectionError(trouble[0])
        return find(ledger)(order, idempotency_key)

    buy, state = make(ledger, probe=probe)
    state["die"] = "after"
    dies(lambda: buy.options(id="a").start("o1"))
    state["die"] = ""
    with pytest.raises(InDoubt, match="bank down"):
        buy.options(id="a").start("o1")
    assert [record.state for record in omium.get("a").effects()] == ["in doubt"]
    trouble.clear()
    assert omium.get("a").resume().result() == "found o1"
    assert len(ledger.lines) == 1


def test_nor_does_a_probe_that_uses_omium_wrongly_settle_it(ledger: Ledger, dies: Dies) -> None:
    def probe(order: str) -> str:
        return omium.idempotency_key()

    @omium.effect(probe=probe)
    def charge(order: str) -> None:
        ledger.write("charge", order)
        os.kill(os.getpid(), signal.SIGKILL)

    @omium.workflow
    def buy() -> str:
        try:
            charge("o1")
        except Exception:
            return "went on"
        return "charged"

    dies(lambda: buy.options(id="a").start())
    with pytest.raises(InDoubt, match="its probe failed with InvalidInput: idempotency_key"):
        buy.options(id="a").start()
    assert omium.get("a").status == "failed"


def test_code_cannot_swallow_the_doubt(ledger: Ledger, dies: Dies) -> None:
    @omium.effect(in_doubt="fail")
    def charge(order: str) -> str:
        ledger.write(order)
        die()
        return ""

    def program() -> None:
        with omium.execution("a"):
            try:
                charge("o1")
            except Exception:  # As frameworks do.
                ledger.write("swallowed")

    dies(program)
    with pytest.raises(InDoubt):
        program()
    assert ledger.lines == ["o1", "swallowed"]


def test_only_the_key_identifies_it(ledger: Ledger) -> None:
    @omium.effect(key=("order",))
    def charge(order: str, reference: float) -> str:
        ledger.write(order, omium.idempotency_key())
        return order

    def program(*references: float) -> None:
        with omium.execution("a"):
            for reference in references:
                charge("o1", reference)
            raise RuntimeError("once more")

    with pytest.raises(RuntimeError):
        program(0.1, 0.2)
    with pytest.raises(RuntimeError):
        program(0.3, 0.4)
    assert len(ledger.lines) == len(set(ledger.lines)) == 2, "two calls are two effects, and each happened once"


def test_a_computed_key_and_one_that_names_nothing() -> None:
    @omium.effect(key=lambda order, cents: order.lower())
    def charge(order: str, cents: int) -> None: ...

    with omium.execution("a"):
        charge("O1", 2)
    with pytest.raises(InvalidInput, match="'ordre', which is no parameter"):

        @omium.effect(key="ordre")
        def wrong(order: str) -> None: ...


def test_retries_and_the_probe_after_a_failure(ledger: Ledger) -> None:
    @omium.effect(probe=find(ledger), retries=omium.Retry(3, first=0.001))
    def charge(order: str) -> str:
        ledger.write("try")
        if len(ledger.lines) == 1:
            raise ConnectionRefusedError
        ledger.write("charge", omium.idempotency_key())
        raise ConnectionResetError("after it was done")

    with omium.execution("a"):
        assert charge("o1") == "found o1"
    assert [line.split()[0] for line in ledger.lines] == ["try", "try", "charge"]


def test_a_failure_the_code_handles_is_on_record(ledger: Ledger) -> None:
    @omium.effect
    def charge(order: str) -> None:
        ledger.write("declined")
        raise PermissionError(order)

    @omium.step
    def stop() -> None:
        raise RuntimeError("once more")

    for _ in range(2):
        with pytest.raises(RuntimeError), omium.execution("a"):  # noqa: PT012  # The block is the program.
            with pytest.raises(PermissionError):
                charge("o1")
            stop()
    assert ledger.lines == ["declined"]


def test_a_failure_that_ended_the_run_is_in_doubt(ledger: Ledger) -> None:
    @omium.effect
    def charge(order: str) -> None:
        ledger.write("acted, perhaps")
        raise TimeoutError(order)

    @omium.workflow
    def buy() -> None:
        charge("o1")

    with pytest.raises(TimeoutError):
        buy.options(id="a").start()
    run = buy.options(id="a").start()
    assert run.status == "waiting"
    assert run.answer(None).resume().status == "completed"
    assert ledger.lines == ["acted, perhaps"]


def test_it_can_be_answered_when_something_else_went_on_meanwhile(ledger: Ledger) -> None:
    failed = threading.Event()

    @omium.effect
    def mail(to: str) -> None:
        ledger.write("mail", to)
        raise ConnectionError("the server hung up")

    @omium.step
    def count(number: int) -> int:
        return number

    def others() -> None:
        count(1)
        assert failed.wait(10)
        count(2)

    def send() -> None:
        try:
            mail("you")
        finally:
            failed.set()

    @omium.workflow
    def work() -> None:
        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(copy_context().run, each) for each in (others, send)]
        for future in futures:
            future.result()

    with pytest.raises(ConnectionError):
        work.options(id="a").start()
    run = work.options(id="a").start()
    assert (run.status, [each.text for each in run.questions()]) == ("waiting", ["did mail happen?"])
    assert run.answer("sent").resume().status == "completed"
    assert ledger.lines == ["mail you"]


def test_a_step_that_is_tried_again_repeats_no_effect(ledger: Ledger) -> None:
    @omium.effect
    def charge(order: str) -> str:
        ledger.write(order)
        return order

    @omium.step
    def think(n: int) -> None:
        ledger.write("think")

    @omium.step(retries=omium.Retry(2, first=0.001))
    def book() -> str:
        think(1)
        done = charge("o1")
        if ledger.lines.count("think") < 3:
            raise RuntimeError("try again")
        return done

    with omium.execution("a"):
        assert book() == "o1"
    assert ledger.lines == ["think", "o1", "think", "think"], "steps run again in a new attempt, effects do not"


def test_no_intent_no_effect(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    @omium.effect
    def charge(order: str) -> None:
        ledger.write(order)

    class Unwritable:
        def __init__(self, native: Any) -> None:
            self._native = native

        def __getattr__(self, name: str) -> Any:
            return getattr(self._native, name)

        def intend(self, *_: Any, **__: Any) -> int:
            raise StoreUnavailable("disk full")

    with pytest.raises(StoreUnavailable), omium.execution("a"):  # noqa: PT012  # As above.
        frame = omium.runtime._context.frame()
        assert frame is not None
        frame.run.native = Unwritable(frame.run.native)  # type: ignore[assignment]
        for order in ("o1", "o2"):
            try:
                charge(order)
            except StoreUnavailable:
                ledger.write("caught")
    assert ledger.lines == ["caught", "caught"], "the run is over, whatever the code catches"


def test_an_undo_that_could_not_be_called_later_is_refused_before(ledger: Ledger) -> None:
    class Bank:
        pass

    def refund(bank: Bank, order: str) -> None: ...

    @omium.effect(undo=refund)
    def charge(bank: Bank, order: str) -> None:
        ledger.write(order)

    with pytest.raises(NotSerializable, match="'bank'"), omium.execution("a"):
        charge(Bank(), "o1")
    assert ledger.lines == []


def wants_more(order: str, cents: int, reason: str) -> None: ...


def wants_receipt(order: str, receipt: str) -> None: ...


def wants_nothing_of_it(client: str) -> None: ...


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"undo": wants_more}, r"the undo of charge, wants_more, cannot be called: missing .* 'reason'"),
        ({"undo": wants_nothing_of_it}, "the undo of charge, wants_nothing_of_it, cannot be called: too many"),
        ({"probe": wants_receipt}, r"the probe of charge, wants_receipt, cannot be called: missing .* 'receipt'"),
    ],
)
def test_what_could_not_be_called_later_is_refused_before(ledger: Ledger, options: dict[str, Any], told: str) -> None:
    @omium.effect(**options)
    def charge(order: str, cents: int) -> None:
        ledger.write("charge", order)

    with pytest.raises(InvalidInput, match=told), omium.execution("a"):
        charge("o1", 5)
    assert (ledger.lines, omium.get("a").effects()) == ([], [])


@pytest.mark.parametrize(
    "undo", [wants_receipt, print, lambda *_: None, lambda: None, partial(wants_more, reason="sent back")]
)
def test_what_can_be_called_is_not(undo: Callable[..., Any]) -> None:
    @omium.effect(undo=undo)
    def charge(order: str, cents: int) -> str:
        return "receipt"

    with omium.execution("a") as run:
        charge("o1", 5)
    run.rollback(to=0)
    assert [record.state for record in run.effects()] == ["undone"]


def test_a_wrapper_takes_what_it_takes_itself() -> None:
    def with_client(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(order: str, cents: int) -> Any:
            return function(order, cents, "client")

        return call

    @with_client
    def refund(order: str, cents: int, client: str) -> None: ...

    @omium.effect(undo=refund)
    def charge(order: str, cents: int) -> None: ...

    with omium.execution("a") as run:
        charge("o1", 5)
    run.rollback(to=0)
    assert [record.state for record in run.effects()] == ["undone"]


def test_a_receipt_that_cannot_be_recorded_leaves_it_in_doubt(ledger: Ledger) -> None:
    @omium.effect
    def charge(order: str) -> object:
        ledger.write(order)
        return object()

    with pytest.raises(NotSerializable), omium.execution("a"):
        charge("o1")
    assert [record.state for record in omium.get("a").effects()] == ["in doubt"]


def test_methods_and_classes(ledger: Ledger) -> None:
    class Shop:
        @omium.effect(key="order")
        def charge(self, order: str) -> str:
            ledger.write("charge", order)
            return order

        @omium.effect
        @staticmethod
        def mail(to: str) -> str:
            ledger.write("mail", to)
            return to

    for _ in range(2):
        with omium.execution("a"):
            assert (Shop().charge("o1"), Shop.mail("me")) == ("o1", "me")
    assert ledger.lines == ["charge o1", "mail me"]


async def test_async_effects(ledger: Ledger) -> None:
    import asyncio

    async def probe(order: str, idempotency_key: str) -> str | None:
        await asyncio.sleep(0)
        return "found" if ledger.has(idempotency_key) else None

    @omium.effect(probe=probe, retries=omium.Retry(2, first=0.001))
    async def charge(order: str) -> str:
        await asyncio.sleep(0)
        ledger.write(order, omium.idempotency_key())
        raise ConnectionResetError

    for _ in range(2):
        async with omium.execution("a"):
            assert await asyncio.gather(*(charge(f"o{n}") for n in range(3))) == ["found"] * 3
    assert len(ledger.lines) == 3


async def test_a_cancelled_effect_is_in_doubt(ledger: Ledger) -> None:
    import asyncio

    @omium.effect
    async def charge(order: str) -> None:
        ledger.write(order)
        await asyncio.sleep(60)

    @omium.workflow
    async def buy() -> None:
        await charge("o1")

    task = asyncio.create_task(buy.options(id="a").start())
    while not ledger.lines:  # noqa: ASYNC110  # It is a file.
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    run = await buy.options(id="a").start()
    assert (run.status, ledger.lines) == ("waiting", ["o1"])


async def test_a_replay_waits_as_long_as_the_program_did(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not as long as between the two entries, one of which may be days older."""
    import asyncio

    from omium.runtime import _cancelled, _context
    from omium.runtime._place import Place

    @omium.effect
    async def charge(order: str) -> None:
        ledger.write(order)
        await asyncio.sleep(60)

    monkeypatch.setattr(Place, "elapsed_ms", lambda place: 7_000_000)
    async with omium.execution("a"):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(charge("o1"), 0.2)
    async with omium.execution("a", mode="replay"):
        frame = _context.frame()
        assert frame is not None
        (intent,) = (entry for entry in omium.config.store().entries("a") if entry.kind == "effect")
        assert list(_cancelled._noted(frame.run).places.values()) == [[(intent.seq, "", 7000.0)]]


def test_a_timeout_leaves_a_thread_that_may_still_act(ledger: Ledger) -> None:
    release = threading.Event()

    @omium.effect(timeout=0.05, retries=2, probe=lambda order: None)
    def charge(order: str) -> None:
        release.wait(10)
        ledger.write(order)

    with pytest.raises(InDoubt, match="may still be acting"), omium.execution("a"):
        charge("o1")
    release.set()


def test_a_thread_without_its_execution_is_pointed_out(ledger: Ledger) -> None:
    @omium.effect
    def charge(order: str) -> None:
        ledger.write(order)

    begun, go_on = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (begun.set(), go_on.wait(30), charge("o1")))
    thread.start()
    with omium.execution("a"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        go_on.set()
        thread.join()
    assert "copy_context" in str(caught[0].message)


def test_a_replay_does_nothing_outside(ledger: Ledger, dies: Dies) -> None:
    buy, state = make(ledger, probe=find(ledger))
    run = buy.options(id="a").start("o1")
    assert run.replay().diverged_at is None
    state["die"] = "before"
    dies(lambda: buy.options(id="b").start("o1"))
    report = omium.get("b").replay()
    assert report.diverged_at is None, "the record ends there"
    assert len(ledger.lines) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [({"in_doubt": "maybe"}, "in_doubt"), ({"in_doubt": "probe"}, "probe="), ({"timeout": 0}, "timeout")],
)
def test_unusable_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        omium.effect(**options)(lambda order: None)
