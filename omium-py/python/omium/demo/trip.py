"""A travel agent that pays by card: once, wherever it dies.

    python trip.py trip-1

omium is in the decorators. The effect says how to find out whether a payment happened, and how to undo it.
"""

import sys
from pathlib import Path

import omium
from omium.demo import payments
from omium.demo.hotels import choose, price

NIGHTS = 3


def find_charge(idempotency_key: str) -> str | None:
    """What a resume asks when nobody knows whether the card was charged."""
    return payments.find(idempotency_key)


def refund(receipt: str) -> None:
    """What a rollback does about a charge."""
    payments.refund(receipt)


@omium.step
def search(city: str) -> list[str]:
    """One model call."""
    return choose(f"hotels in {city}")


@omium.step
def book(hotels: list[str]) -> dict[str, str | int]:
    """One model call: it decides where and how long."""
    hotel, nights = choose(f"book one of {', '.join(hotels)} for {NIGHTS} nights")
    return {"hotel": hotel, "nights": int(nights)}


@omium.effect(probe=find_charge, undo=refund)
def pay(cents: int) -> str:
    """The card is charged; the receipt is its number."""
    return payments.charge(cents, omium.idempotency_key())


@omium.step(postconditions=[f"result.nights == {NIGHTS}"])
def confirm(booked: dict[str, str | int], receipt: str) -> dict[str, str | int]:
    """One model call writes it down; the check reads it."""
    choose(f"confirm {booked['hotel']}")
    return {**booked, "paid with": receipt}


@omium.workflow
def trip(city: str) -> dict[str, str | int]:
    """The program is ordinary code."""
    booked = book(search(city))
    receipt = pay(price(booked))
    return confirm(booked, receipt)


if __name__ == "__main__":
    run = trip.options(id=sys.argv[1]).start("Lisbon")
    Path(f"{run.id}.txt").write_text(str(run.result()), encoding="utf-8")
