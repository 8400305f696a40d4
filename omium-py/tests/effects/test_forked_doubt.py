"""Forks and doubt: what may have happened in the original is not done again in a fork without a word."""

from __future__ import annotations

from typing import Any

import pytest

import omium
from effects.conftest import Ledger
from omium import InDoubt


class Killed(BaseException):
    pass


class Shop:
    """A workflow whose payment acts, or not, and then dies."""

    def __init__(self, ledger: Ledger, *, acts: bool = True, **options: Any) -> None:
        self.ledger = ledger
        self.deadly = True

        def find(order: str, idempotency_key: str) -> str | None:
            ledger.write("probe", idempotency_key)
            return "found" if f"pay {idempotency_key}" in ledger.lines else None

        if options.pop("probed", True):
            options["probe"] = find

        @omium.effect(key="order", **options)
        def pay(order: str) -> str:
            if acts or not self.deadly:
                ledger.write("pay", omium.idempotency_key())
            if self.deadly:
                raise Killed
            return "paid"

        @omium.step
        def plan() -> str:
            return "plan"

        @omium.workflow
        def buy() -> str:
            plan()
            return pay("7")

        self.buy = buy
        with pytest.raises(Killed):
            buy.options(id="a").start()
        self.deadly = False
        self.run = omium.get("a")
        self.intent = self.run.effects()[0].intent.seq

    @property
    def paid(self) -> list[str]:
        return [line for line in self.ledger.lines if line.startswith("pay")]

    @property
    def asked(self) -> list[str]:
        return [line for line in self.ledger.lines if line.startswith("probe")]

    def states(self, id: str) -> list[str]:
        return [each.state for each in omium.get(id).effects()]


def test_the_probe_is_asked_under_the_key_of_the_original(ledger: Ledger) -> None:
    shop = Shop(ledger)
    omium.config.store().cancel("a")
    fork = shop.run.fork(shop.run.head, "b")
    assert shop.states("b") == ["in doubt"]
    assert [each.text for each in fork.questions()] == [f"did {fork.effects()[0].name} happen?"]
    later = fork.fork(shop.run.head, "c")
    for run in (fork, later):
        run._workflow = shop.buy
        assert run.resume().result() == "found"
        assert shop.states(run.id) == ["copied"]
    key = shop.run.effects()[0].idempotency_key
    assert shop.paid == [f"pay {key}"]
    assert shop.asked == [f"probe {key}"] * 2


def test_what_never_happened_is_done_with_the_key_of_the_fork(ledger: Ledger) -> None:
    shop = Shop(ledger, acts=False)
    shop.run.fork(shop.intent, "b")
    assert shop.buy.options(id="b").start().result() == "paid"
    (effect,) = omium.get("b").effects()
    assert (effect.state, shop.paid) == ("done", [f"pay {effect.idempotency_key}"])
    assert shop.asked == [f"probe {shop.run.effects()[0].idempotency_key}"]
    assert shop.states("a") == ["in doubt"], "the original is not settled by that"


def test_every_policy_is_what_it_would_be_in_the_original(ledger: Ledger) -> None:
    shop = Shop(ledger, probed=False)
    for answer in ({"value": "told"}, {"happened": False}):
        id = f"ask {len(answer)} {'value' in answer}"
        fork = shop.run.fork(shop.intent, id)
        assert shop.buy.options(id=id).start().status == "waiting"
        assert [each.seq for each in fork.questions()] == [shop.intent]
        fork.answer(**answer)
        expected = "told" if "value" in answer else "paid"
        assert shop.buy.options(id=id).start().result() == expected
    assert len(shop.paid) == 2
    assert shop.paid[0] != shop.paid[1]


def test_a_retry_goes_on_under_the_key_of_the_original(ledger: Ledger) -> None:
    shop = Shop(ledger, probed=False, in_doubt="retry")
    shop.run.fork(shop.intent, "b")
    assert shop.buy.options(id="b").start().result() == "paid"
    assert shop.paid[0] == shop.paid[1], "for a service that acts once per key"
    assert shop.states("b") == ["done"], "the fork acted, so it answers for it"


def test_failing_says_where_it_began(ledger: Ledger) -> None:
    shop = Shop(ledger, probed=False, in_doubt="fail")
    shop.run.fork(shop.intent, "b")
    with pytest.raises(InDoubt, match=f"b@{shop.intent}"):
        shop.buy.options(id="b").start()
    assert len(shop.paid) == 1


def test_a_fork_from_before_is_told_of_it(ledger: Ledger) -> None:
    shop = Shop(ledger)
    with pytest.raises(InDoubt, match="--abandon-effects") as refused:
        shop.run.fork(1, "b")
    assert (refused.value.execution, refused.value.seq) == ("a", shop.intent)
    assert f"pay@{shop.intent}" in str(refused.value)
    with pytest.raises(omium.ExecutionNotFound):
        omium.get("b").known()
    shop.run.fork(1, "b", abandon_effects=True)
    assert shop.buy.options(id="b").start().result() == "paid"
    assert len(shop.paid) == 2
    assert shop.buy.options(id="a").start().result() == "found"
    shop.run.fork(1, "c")


def test_a_rollback_of_the_fork_says_what_it_forgets(ledger: Ledger) -> None:
    shop = Shop(ledger)
    fork = shop.run.fork(shop.intent, "b")
    plan = fork.rollback(1, plan=True)
    assert [(each.action, each.why) for each in plan.effects] == [("leave", "it is that of 'a', and in doubt")]


@pytest.mark.parametrize("acted", [False, True])
def test_what_failed_in_an_attempt_of_the_original_is_tried_in_the_next(ledger: Ledger, acted: bool) -> None:
    deadly = [True]

    def find(order: str, idempotency_key: str) -> str | None:
        return "found" if not deadly and ledger.has(idempotency_key) else None

    @omium.effect(probe=find)
    def charge(order: str) -> str:
        if acted or not deadly:
            ledger.write("charged", omium.idempotency_key())
        if deadly:
            raise ConnectionError("no answer")
        return "charged"

    @omium.step(retries=omium.Retry(1, first=0.001))
    def trip(order: str) -> str:
        if omium.failure() is not None and deadly:
            raise Killed
        return charge(order)

    @omium.workflow
    def travel() -> str:
        return trip("o1")

    with pytest.raises(Killed):
        travel.options(id="a").start()
    deadly.clear()
    omium.get("a").fork(omium.get("a").head, "b")
    assert travel.options(id="b").start().result() == ("found" if acted else "charged")
    assert len(ledger.lines) == 1
