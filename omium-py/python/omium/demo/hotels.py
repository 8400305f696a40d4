"""What the travel agents ask the model, and what it says: like a real one, not always the same."""

from __future__ import annotations

from omium.demo.local_model import BILL, ask

__all__ = ["choose", "price"]

_CENTS_A_NIGHT = 9000


def choose(prompt: str) -> list[str]:
    """One model call. Asked to book for the first time, the model counts one night too many."""
    if not prompt.startswith("book"):
        return ask(prompt, answer="Alfama,Belem").split(",")
    asked_before = BILL.exists() and any(line.startswith("book") for line in BILL.read_text("utf-8").splitlines())
    return ask(prompt, answer="Alfama,3" if asked_before else "Alfama,4").split(",")


def price(booked: dict[str, str | int]) -> int:
    """In cents."""
    return int(booked["nights"]) * _CENTS_A_NIGHT
