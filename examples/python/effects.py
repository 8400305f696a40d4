"""A card is charged once, wherever the program dies: kill it, run it again, look at ledger.txt.

omium torture effects.py
"""

import os

import omium

LEDGER = "ledger.txt"


def find_charge(order: str, cents: int) -> str | None:
    """Asks the payment provider whether it happened; returns the receipt, or None."""
    if not os.path.exists(LEDGER):
        return None
    with open(LEDGER) as ledger:
        return next((f"receipt for {order}" for line in ledger if line == f"charged {order} {cents}\n"), None)


@omium.effect(key="order", probe=find_charge)
def charge(order: str, cents: int) -> str:
    with open(LEDGER, "a") as ledger:
        ledger.write(f"charged {order} {cents}\n")
        ledger.flush()
        os.fsync(ledger.fileno())
    return f"receipt for {order}"


@omium.step
def price(order: str) -> int:
    return 100 * len(order)


@omium.workflow
def buy(order: str) -> str:
    return charge(order, price(order))


if __name__ == "__main__":
    print(buy.options(id="order-7").start("a ticket to Lisbon").result())
