"""A stand-in for a payment provider: what it did stays done, whatever happens to whoever asked.

Its book is a file beside the program, written through to the disk, outside of every store.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["BOOK", "charge", "find", "refund"]

BOOK = Path("payments.txt")
# The answer of the provider gets lost: time enough to kill whoever waits for it.
HANGS = os.environ.get("DEMO_ANSWER", "") == "0"


def charge(cents: int, key: str) -> str:
    """Takes the money. Returns the number of the receipt."""
    number = _write("charged", cents, key)
    print(f"provider: charged {cents / 100:.0f} euros", flush=True)
    if HANGS:
        time.sleep(60)
    return number


def find(key: str) -> str | None:
    """The receipt of the charge with that key, if there was one."""
    return next((row[0] for row in _rows() if row[1] == "charged" and row[3] == key), None)


def refund(number: str) -> None:
    """Gives the money of a receipt back."""
    cents = next(int(row[2]) for row in _rows() if row[0] == number)
    _write("refunded", cents, number)
    print(f"provider: refunded {cents / 100:.0f} euros", flush=True)


def _write(what: str, cents: int, key: str) -> str:
    number = f"R{len(_rows()) + 1}"
    with BOOK.open("a", encoding="utf-8") as book:
        book.write(f"{number} {what} {cents} {key}\n")
        book.flush()
        os.fsync(book.fileno())
    return number


def _rows() -> list[list[str]]:
    return [line.split() for line in BOOK.read_text("utf-8").splitlines()] if BOOK.exists() else []
