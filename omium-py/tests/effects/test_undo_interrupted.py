"""A rollback that stopped in the middle stays one that is to be finished, whatever its undos did or asked."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

import omium
from effects.conftest import Ledger
from omium import Fenced, InDoubt, InvalidInput, UndoFailed, Waiting
from omium.effects import _undo

Dies = Callable[[Callable[[], Any]], None]


def states(id: str = "a") -> list[str]:
    return [f"{each.name} {each.state}" for each in omium.get(id).effects()]


def test_a_kill_behind_a_step_of_an_undo(ledger: Ledger, dies: Dies) -> None:
    deadly = [True]

    @omium.step
    def look_up(order: str) -> str:
        ledger.write("look", order)
        return f"account of {order}"

    def refund(order: str) -> None:
        look_up(order)
        if deadly[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        ledger.write("refund", order)

    @omium.effect(undo=refund)
    def charge(order: str) -> None:
        ledger.write("charge", order)

    @omium.workflow
    def buy() -> None:
        charge("o1")

    run = buy.options(id="a").start()
    dies(lambda: run.rollback(to=0))
    deadly[0] = False
    buy.options(id="a").start()
    assert ledger.lines == ["charge o1", "look o1", "refund o1", "charge o1"]


@pytest.mark.parametrize("end", ["killed", "failed"])
def test_the_answer_to_an_effect_in_an_undo_counts(ledger: Ledger, dies: Dies, end: str) -> None:
    @omium.effect
    def refund(order: str) -> None:
        ledger.write("refund", order)
        if end == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ConnectionError("no answer from the bank")

    @omium.effect(undo=refund)
    def charge(order: str) -> str:
        return f"r-{order}"

    @omium.workflow
    def buy() -> str:
        return charge("o1")

    run = buy.options(id="a").start()
    if end == "killed":
        dies(lambda: run.rollback(to=0))
    else:
        with pytest.raises(UndoFailed, match="no answer from the bank"):
            run.rollback(to=0)
    with pytest.raises(Waiting, match=r"undoing charge@2 of 'a' waits: did refund at a@5 happen\?"):
        run.rollback(to=0)
    assert run.status == "waiting"
    run.answer(None)
    run.rollback(to=0)
    assert ledger.lines == ["refund o1"]
    assert states() == ["charge undone", "refund done"]


def test_an_undo_may_ask(ledger: Ledger) -> None:
    def cancel(room: str) -> None:
        if omium.ask(f"cancel {room}?", choices=["yes", "no"]) == "no":
            raise RuntimeError("somebody said no")
        ledger.write("cancel", room)

    @omium.effect(undo=cancel)
    def book(room: str) -> None:
        ledger.write("book", room)

    @omium.workflow
    def travel() -> None:
        book("r1")
        book("r2")

    run = travel.options(id="a").start()
    with pytest.raises(Waiting, match="cancel r2"):
        run.rollback(to=0)
    assert states() == ["book done", "book being undone"]
    run.answer("yes")
    with pytest.raises(Waiting, match="cancel r1"):
        run.rollback(to=0)
    run.answer("no")
    with pytest.raises(UndoFailed, match="somebody said no"):
        run.rollback(to=0)
    assert states() == ["book undo failed", "book undone"]
    assert ledger.lines == ["book r1", "book r2", "cancel r2"]


def test_no_answer_runs_on_from_half_a_rollback(ledger: Ledger) -> None:
    trouble = [True]

    def refund(order: str) -> None:
        if trouble[0]:
            raise ConnectionError("bank down")
        ledger.write("refund", order)

    @omium.effect(undo=refund)
    def charge(order: str) -> None:
        ledger.write("charge", order)

    @omium.workflow
    def buy() -> str:
        charge("o1")
        return str(omium.ask("send it?"))

    run = buy.options(id="a").start()
    assert run.status == "waiting"
    with pytest.raises(UndoFailed):
        run.rollback(to=0)
    with pytest.raises(InvalidInput, match="a rollback of 'a' to 0 was interrupted: ask for it again"):
        run.answer("yes")
    trouble[0] = False
    assert run.resume().status == "waiting"
    assert ledger.lines == ["charge o1", "refund o1", "charge o1"]


def test_a_probe_that_fails_leaves_everything_standing(ledger: Ledger) -> None:
    @omium.effect(undo=lambda order: ledger.write("refund", order))
    def charge(order: str) -> None:
        ledger.write("charge", order)

    def find(order: str) -> None:
        raise ConnectionError("bank down")

    @omium.effect(probe=find, undo=lambda order: ledger.write("cancel", order))
    def ship(order: str) -> None:
        raise RuntimeError("carrier down")

    @omium.workflow
    def buy() -> None:
        charge("o2")
        ship("o2")

    with pytest.raises(InDoubt):
        buy.options(id="b").start()
    run = omium.get("b")
    with pytest.raises(InDoubt, match="its probe failed with ConnectionError"):
        run.rollback(to=0)
    assert states("b") == ["charge done", "ship in doubt"]
    run.answer(None)
    run.rollback(to=0)
    assert ledger.lines == ["charge o2", "cancel o2", "refund o2"]


def test_what_ran_on_meanwhile_is_undone_too(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = ["o1"]

    @omium.effect(undo=lambda order: ledger.write("refund", order))
    def charge(order: str) -> None:
        ledger.write("charge", order)

    def program() -> None:
        with omium.execution("a"):
            for order in orders:
                charge(order)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        program()
    refuse = _undo._refuse
    meanwhile = [program]

    def between(planned: Any) -> None:
        # Between the plan and the lease another process goes on.
        if meanwhile:
            orders.append("o2")
            with pytest.raises(KeyboardInterrupt):
                meanwhile.pop()()
        refuse(planned)

    monkeypatch.setattr(_undo, "_refuse", between)
    omium.get("a").rollback(to=0)
    assert ledger.lines == ["charge o1", "charge o2", "refund o2", "refund o1"]


def test_a_head_that_moved_is_not_moved_back(ledger: Ledger) -> None:
    @omium.effect
    def mail(to: str) -> None:
        ledger.write("mail", to)

    with omium.execution("a") as run:
        mail("you")
    with pytest.raises(Fenced):
        run.store.rollback("a", 0, 1)
    assert run.head == 2
    run.store.rollback("a", 0, 2)
    run.store.rollback("a", 0, 2)
    assert run.head == 0


def test_an_answer_does_not_revive_what_was_cancelled(dies: Dies) -> None:
    @omium.effect
    def charge(order: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def program() -> None:
        with omium.execution("a"):
            charge("o1")

    dies(program)
    run = omium.get("a")
    run.store.cancel("a")
    run.answer("receipt")
    assert run.status == "cancelled"
    assert states() == ["charge done"]


def test_a_rollback_that_waits_asks_for_nothing_else(ledger: Ledger) -> None:
    """What it will leave behind cannot be answered meanwhile, and so it is not asked for."""

    @omium.effect(probe=lambda label: None)
    def reserve(label: str) -> None:
        raise KeyboardInterrupt

    @omium.effect(undo=lambda order: ledger.write("refund", omium.ask("which account?")))
    def charge(order: str) -> None: ...

    @omium.workflow
    def buy() -> None:
        charge("o1")
        reserve("seat")

    with pytest.raises(KeyboardInterrupt):
        buy.options(id="a").start()
    run = omium.get("a")
    (reserving,) = run.questions()
    with pytest.raises(Waiting, match="which account"):
        run.rollback(to=0)
    assert [each.text for each in run.questions()] == ["which account?"]
    with pytest.raises(InvalidInput, match="was interrupted: ask for it again"):
        run.answer(None, seq=reserving.seq)
    run.answer("main")
    with pytest.raises(InvalidInput, match="was interrupted: ask for it again"):
        run.answer(None)
    run.rollback(to=0)
    assert ledger.lines == ["refund main"]
    assert run.questions() == []
