"""A program that looks durable and is not: `omium torture wrong_on_purpose.py` finds out.

Its steps are recorded, but one of them charges a card on the side, in a plain function. Killed after the
charge and before the record of the step, the next run charges again. The right way is effects.py.
"""

import os

import omium

LEDGER = "ledger.txt"


def charge(order: str, cents: int) -> None:
    """Stands for a payment provider: what it does stays done."""
    with open(LEDGER, "a") as ledger:
        ledger.write(f"charged {order} {cents}\n")
        ledger.flush()
        os.fsync(ledger.fileno())


@omium.step
def price(order: str) -> int:
    return 100 * len(order)


@omium.step
def pay(order: str, cents: int) -> str:
    charge(order, cents)
    return f"paid {cents} for {order}"


@omium.workflow
def buy(order: str) -> str:
    return pay(order, price(order))


if __name__ == "__main__":
    print(buy.options(id="order-7").start("a ticket to Lisbon").result())
