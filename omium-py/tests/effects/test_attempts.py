"""Effects in steps that are tried again: a kill between two attempts decides nothing."""

from __future__ import annotations

from typing import Any

import pytest

import omium
from effects.conftest import Ledger


class Killed(BaseException):
    pass


@pytest.mark.parametrize("acted", [False, True])
def test_what_failed_in_an_earlier_attempt_is_tried_in_the_next(ledger: Ledger, acted: bool) -> None:
    """Once: its probe is asked before, as between two attempts of one run."""
    deadly = [True]

    def find(order: str, idempotency_key: str) -> str | None:
        if not acted or deadly:
            return None
        return "found" if ledger.has(idempotency_key) else None

    @omium.step
    def look(order: str) -> str:
        return order

    @omium.effect(probe=find)
    def charge(order: str) -> str:
        first = not ledger.lines
        if first and not acted:
            ledger.write("refused")
        else:
            ledger.write("charged", omium.idempotency_key())
        if first:
            raise ConnectionError("no answer")
        return "charged"

    @omium.step(retries=omium.Retry(1, first=0.001))
    def trip(order: str) -> str:
        look(order)
        if omium.failure() is not None and deadly:
            raise Killed
        return charge(order)

    @omium.workflow
    def travel() -> str:
        return trip("o1")

    with pytest.raises(Killed):
        travel.options(id="a").start()
    deadly.clear()
    assert travel.options(id="a").start().result() == ("found" if acted else "charged")
    assert len([line for line in ledger.lines if line.startswith("charged")]) == 1
    assert [each.state for each in omium.get("a").effects()] == ["done"]


def test_so_it_is_when_the_attempts_begin_anew(ledger: Ledger) -> None:
    broken: list[Any] = [True]

    @omium.step
    def look(order: str) -> str:
        return order

    @omium.effect(in_doubt="retry")
    def charge(order: str) -> str:
        ledger.write("tried")
        if broken:
            raise ConnectionError("no answer")
        return "charged"

    @omium.step(retries=omium.Retry(1, first=0.001))
    def trip(order: str) -> str:
        look(order)
        return charge(order)

    with pytest.raises(ConnectionError), omium.execution("a"):
        trip("o1")
    assert ledger.lines == ["tried", "tried"]
    broken.clear()
    with omium.execution("a"):
        assert trip("o1") == "charged"
    assert ledger.lines == ["tried", "tried", "tried"], "the first of the new attempts"


def test_a_step_that_is_called_again_after_it_failed_repeats_no_effect(ledger: Ledger) -> None:
    """As with `retries`: it is the same call until it succeeds. Its models are asked again."""
    deadly = [True]
    tries = []

    @omium.step
    def think(order: str) -> str:
        tries.append(order)
        return order

    @omium.effect(undo=lambda order: ledger.write("refund", order))
    def charge(order: str) -> str:
        ledger.write("charge", order)
        return "r"

    @omium.effect(in_doubt="retry")
    def mail(order: str) -> str:
        if len(tries) < 3:
            ledger.write("no mail")
            raise ConnectionError("no mail")
        ledger.write("mail", order)
        return "sent"

    @omium.step
    def trip(order: str) -> list[str]:
        done = [charge(order), charge(order), think(order)]
        if deadly and len(tries) == 2:
            raise Killed
        return [*done, mail(order)]

    @omium.workflow
    def travel() -> list[str]:
        while True:
            try:
                return trip("o1")
            except ConnectionError:
                continue

    with pytest.raises(Killed):
        travel.options(id="a").start()
    deadly.clear()
    run = travel.options(id="a").start()
    assert run.result() == ["r", "r", "o1", "sent"]
    assert ledger.lines == ["charge o1", "charge o1", "no mail", "no mail", "mail o1"]
    assert tries == ["o1", "o1", "o1"]
    assert travel.options(id="a").start().result() == ["r", "r", "o1", "sent"]
    assert run.replay().diverged_at is None
    run.rollback(to=0)
    assert ledger.lines[5:] == ["refund o1", "refund o1"]
    run.resume()
    assert ledger.lines[7:] == ["charge o1", "charge o1", "mail o1"]
