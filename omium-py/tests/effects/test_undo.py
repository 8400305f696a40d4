"""Rollback undoes the effects that fall, newest first, each once, whatever gets in between."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

import omium
from effects.conftest import Ledger
from omium import InDoubt, InvalidInput, LeaseHeld, UndoFailed

Dies = Callable[[Callable[[], Any]], None]


class Shop:
    """A workflow of three charges and a mail."""

    def __init__(self, ledger: Ledger, **options: Any) -> None:
        self.trouble: set[str] = set()
        self.deadly: set[str] = set()

        def refund(order: str, receipt: str) -> None:
            if order in self.trouble:
                raise ConnectionError("bank down")
            ledger.write("refund", order, receipt)
            if order in self.deadly:
                os.kill(os.getpid(), signal.SIGKILL)

        @omium.effect(key="order", **{"undo": refund, **options})
        def charge(order: str, cents: int) -> str:
            ledger.write("charge", order)
            if f"charge {order}" in self.deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            return f"r-{order}"

        @omium.effect
        def mail(to: str) -> None:
            ledger.write("mail", to)

        @omium.step
        def plan() -> str:
            return "plan"

        @omium.workflow
        def buy() -> list[str]:
            plan()
            receipts = [charge("o1", 1), charge("o2", 2)]
            mail("me")
            return [*receipts, charge("o3", 3)]

        self.workflow = buy

    def start(self, id: str = "a") -> omium.Execution[list[str]]:
        return self.workflow.options(id=id).start()


def states(run: omium.Execution[Any]) -> list[str]:
    return [f"{record.name} {record.state}" for record in run.effects()]


def test_the_plan_says_what_will_be_done_and_does_nothing(ledger: Ledger) -> None:
    run = Shop(ledger).start()
    before = ledger.lines
    plan = run.rollback(to=1, plan=True)
    assert [(each.effect.name, each.effect.receipt) for each in plan.undone] == [
        ("charge", "r-o3"),
        ("charge", "r-o2"),
        ("charge", "r-o1"),
    ]
    assert [(each.effect.name, each.why) for each in plan.left] == [("mail", "it declares no undo")]
    assert {entry.name for entry in plan.falls} == {"charge", "mail"}
    assert (ledger.lines, run.status, run.head) == (before, "completed", 9)


def test_effects_are_undone_in_reverse_order_and_made_anew(ledger: Ledger) -> None:
    run = Shop(ledger).start()
    first = [record.idempotency_key for record in run.effects()]
    run.rollback(to=1)
    assert ledger.lines[4:] == ["refund o3 r-o3", "refund o2 r-o2", "refund o1 r-o1"]
    assert states(run) == ["charge undone", "charge undone", "mail left standing", "charge undone"]
    run.rollback(to=1)
    assert len(ledger.lines) == 7, "called again it does nothing"
    assert run.resume().result() == ["r-o1", "r-o2", "r-o3"]
    assert ledger.lines[7:] == ["charge o1", "charge o2", "mail me", "charge o3"]
    keys = [record.idempotency_key for record in run.effects()]
    assert (len(set(keys)), keys[:4]) == (8, first), "what runs after a rollback has new keys"


def test_only_what_falls_is_undone(ledger: Ledger) -> None:
    run = Shop(ledger).start()
    middle = run.effects()[1].seq
    run.rollback(to=middle)
    assert ledger.lines[4:] == ["refund o3 r-o3"]
    run.rollback(to=0)
    assert ledger.lines[5:] == ["refund o2 r-o2", "refund o1 r-o1"]


def test_an_undo_that_fails_stops_there_and_is_continued(ledger: Ledger) -> None:
    shop = Shop(ledger)
    run = shop.start()
    shop.trouble.add("o2")
    with pytest.raises(UndoFailed, match=r"charge@5 .* bank down") as caught:
        run.rollback(to=1)
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert ledger.lines[4:] == ["refund o3 r-o3"]
    assert states(run) == ["charge done", "charge undo failed", "mail done", "charge undone"]
    with pytest.raises(UndoFailed):
        run.resume()
    shop.trouble.clear()
    run.rollback(to=1)
    assert ledger.lines[4:] == ["refund o3 r-o3", "refund o2 r-o2", "refund o1 r-o1"]


def test_running_on_finishes_an_interrupted_rollback_first(ledger: Ledger) -> None:
    shop = Shop(ledger)
    run = shop.start()
    shop.trouble.add("o1")
    with pytest.raises(UndoFailed):
        run.rollback(to=0)
    shop.trouble.clear()
    assert run.resume().result() == ["r-o1", "r-o2", "r-o3"]
    assert ledger.lines[4:7] == ["refund o3 r-o3", "refund o2 r-o2", "refund o1 r-o1"]


def test_a_kill_in_an_undo_repeats_only_that_one(ledger: Ledger, dies: Dies) -> None:
    shop = Shop(ledger)

    def program() -> None:
        shop.start()
        shop.deadly.add("o2")
        omium.get("a").rollback(to=0)

    dies(program)
    shop.start()
    # A plain undo is called again under its own key; o3 was on record as undone.
    assert ledger.lines[4:8] == ["refund o3 r-o3", "refund o2 r-o2", "refund o2 r-o2", "refund o1 r-o1"]


def test_an_undo_that_is_an_effect_itself_happens_once(ledger: Ledger, dies: Dies) -> None:
    deadly = [True]

    @omium.effect(key="order", probe=lambda order: True if ledger.has(f"back-{order}") else None)
    def refund(order: str) -> None:
        ledger.write(f"back-{order}")
        if deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    shop = Shop(ledger, undo=refund)

    def program() -> None:
        shop.start()
        omium.get("a").rollback(to=0)

    dies(program)
    deadly.clear()
    shop.start()
    assert ledger.lines[4:7] == ["back-o3", "back-o2", "back-o1"]


def test_an_effect_in_doubt_is_asked_for_and_then_undone(ledger: Ledger, dies: Dies) -> None:
    shop = Shop(ledger, probe=lambda order: f"r-{order}" if f"charge {order}" in ledger.lines else None)
    shop.deadly.add("charge o2")
    dies(shop.start)
    run = omium.get("a")
    assert [each.action for each in run.rollback(to=0, plan=True).effects] == ["probe", "undo"]
    run.rollback(to=0)
    assert ledger.lines[2:] == ["refund o2 r-o2", "refund o1 r-o1"]


def test_an_effect_in_doubt_that_nobody_can_tell_of_must_be_answered(ledger: Ledger, dies: Dies) -> None:
    shop = Shop(ledger)
    shop.deadly.add("charge o2")
    dies(shop.start)
    run = omium.get("a")
    with pytest.raises(InDoubt, match="charge@4"):
        run.rollback(to=0)
    assert len(ledger.lines) == 2, "nothing was undone before it is known"
    run.answer("told")
    run.rollback(to=0)
    assert ledger.lines[2:] == ["refund o2 told", "refund o1 r-o1"]


def test_effects_can_be_given_up(ledger: Ledger) -> None:
    run = Shop(ledger).start()
    run.rollback(to=0, abandon_effects=True)
    assert len(ledger.lines) == 4
    assert set(states(run)) == {"charge left standing", "mail left standing"}


def test_a_fork_answers_for_its_own_effects_only(ledger: Ledger) -> None:
    shop = Shop(ledger)
    run = shop.start()
    fork = run.fork(run.effects()[0].seq, "b")
    assert fork.resume().result() == ["r-o1", "r-o2", "r-o3"]
    assert ledger.lines[4:] == ["charge o2", "mail me", "charge o3"]
    assert states(fork) == ["charge copied", "charge done", "mail done", "charge done"]
    keys = {record.idempotency_key for each in (run, fork) for record in each.effects()}
    assert len(keys) == 7
    fork.rollback(to=0)
    assert ledger.lines[7:] == ["refund o3 r-o3", "refund o2 r-o2"], "o1 is the original's"


def test_the_plan_names_forks_that_go_on_believing_in_what_is_undone(ledger: Ledger) -> None:
    run = Shop(ledger).start()
    mailed = next(record for record in run.effects() if record.name == "mail")
    run.fork(at=1, id="early")
    fork = run.fork(at=mailed.seq, id="late")
    fork.fork(at=mailed.seq, id="later")
    fork.fork(at=2, id="elsewhere")
    assert run.rollback(to=1, plan=True).forks == ["late", "later"]
    assert run.rollback(to=mailed.seq, plan=True).forks == []
    assert fork.rollback(to=1, plan=True).forks == (), "what it took over stays"


def test_a_fork_between_intent_and_receipt_does_it_itself(ledger: Ledger) -> None:
    run = Shop(ledger).start()
    fork = run.fork(run.effects()[1].intent.seq, "b")
    assert fork.resume().result() == ["r-o1", "r-o2", "r-o3"]
    assert ledger.lines[4:] == ["charge o2", "mail me", "charge o3"]


def test_a_rollback_to_between_intent_and_receipt(ledger: Ledger) -> None:
    run = Shop(ledger).start()
    run.rollback(to=run.effects()[1].intent.seq)
    assert ledger.lines[4:] == ["refund o3 r-o3", "refund o2 r-o2"]
    assert run.questions() == [], "it is known what became of it"
    assert run.resume().result() == ["r-o1", "r-o2", "r-o3"]
    assert ledger.lines[6:] == ["charge o2", "mail me", "charge o3"]


def test_nobody_goes_back_to_where_an_undone_effect_counts_as_done(ledger: Ledger) -> None:
    run = Shop(ledger).start()
    head = run.head
    run.rollback(to=0)
    with pytest.raises(InvalidInput, match="undone"):
        run.rollback(to=head)
    with pytest.raises(
        InvalidInput, match=r"there charge@3 is done, and since then it was undone; choose .* before @2"
    ):
        run.fork(head)


def test_code_that_is_not_loaded_is_named(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Shop(ledger).start()
    monkeypatch.setattr(omium.runtime._registry, "_effects", {})
    with pytest.raises(InvalidInput, match="abandon_effects"):
        run.rollback(to=0)
    assert len(ledger.lines) == 4


def test_a_running_execution_is_not_rolled_back(ledger: Ledger) -> None:
    @omium.effect(undo=lambda order: ledger.write("undone"))
    def charge(order: str) -> None:
        ledger.write("charge")

    with omium.execution("a") as run:
        charge("o1")
        with pytest.raises(LeaseHeld):
            run.rollback(to=0)
    assert ledger.lines == ["charge"]


async def test_async_undos_run_on_the_callers_loop(ledger: Ledger) -> None:
    loop = asyncio.get_running_loop()

    async def refund(order: str) -> None:
        assert asyncio.get_running_loop() is loop
        ledger.write("refund", order)

    @omium.effect(undo=refund)
    async def charge(order: str) -> None:
        ledger.write("charge", order)

    async with omium.execution("a") as run:
        await charge("o1")
    await run.arollback(to=0)
    assert ledger.lines == ["charge o1", "refund o1"]


def said(ledger: Ledger, word: str) -> list[list[str]]:
    """What followed the word, each time it was written."""
    lines = [line.split() for line in ledger.lines]
    return [rest for first, *rest in lines if first == word]


def test_functions_that_take_anything_get_what_is_theirs_under_its_name(ledger: Ledger) -> None:
    """An undo that is an effect itself is given the key of what it undoes, and has one of its own."""

    def found(*_: Any, **given: Any) -> None:
        ledger.write("asked", given["idempotency_key"])

    @omium.effect(probe=found, retries=1)
    def refund(order: str, **given: Any) -> None:
        ledger.write("refund", given["receipt"], given["idempotency_key"], omium.idempotency_key())
        if len(said(ledger, "refund")) == 1:
            raise ConnectionError("bank down")

    @omium.effect(undo=refund, probe=found)
    def charge(order: str, **more: Any) -> str:
        ledger.write("charge", omium.idempotency_key())
        return f"r-{order}"

    @omium.workflow
    def buy() -> str:
        return charge("o1", note="quick")

    buy.options(id="a").start()
    omium.get("a").rollback(0)
    ((charged,),) = said(ledger, "charge")
    first, second = said(ledger, "refund")
    assert first == second
    receipt, of_charge, own = first
    assert (receipt, of_charge) == ("r-o1", charged)
    assert own != charged
    assert said(ledger, "asked") == [[own]]


def test_a_parameter_of_the_effect_gives_way_to_what_omium_gives(ledger: Ledger) -> None:
    def refund(order: str, idempotency_key: str, receipt: str, **more: Any) -> None:
        ledger.write("refund", order, idempotency_key, receipt, more["note"])

    @omium.effect(undo=refund)
    def charge(order: str, idempotency_key: str | None = None, **more: Any) -> str:
        ledger.write("charge", omium.idempotency_key())
        return f"r-{order}"

    @omium.workflow
    def buy() -> str:
        return charge("o1", "mine", note="quick")

    buy.options(id="a").start()
    omium.get("a").rollback(0)
    ((charged,),) = said(ledger, "charge")
    assert said(ledger, "refund") == [["o1", charged, "r-o1", "quick"]]
