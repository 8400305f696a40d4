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
