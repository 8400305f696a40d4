"""Charges by a bad plan, fails a check, goes back, repairs the plan, charges again. Dies at the n-th write."""

import itertools
import os
import signal
import sys
from pathlib import Path

import omium
from omium.runtime._place import Place

OUTSIDE = Path(os.environ["OMIUM_STORE"]).parent / "outside.txt"


def outside(what: str) -> None:
    with OUTSIDE.open("a") as file:
        file.write(what + "\n")


def happened(what: str) -> str | None:
    return what if OUTSIDE.exists() and what in OUTSIDE.read_text().split() else None


@omium.step
def plan() -> str:
    return "good" if omium.failure() else "bad"


def refund(plan: str) -> None:
    if not happened(f"refund-{plan}"):
        outside(f"refund-{plan}")


@omium.effect(probe=lambda plan: happened(f"charge-{plan}"), undo=refund)
def charge(plan: str) -> str:
    outside(f"charge-{plan}")
    return f"charge-{plan}"


@omium.step(postconditions=["result == 'charge-good'"], recovery=["rollback:plan"])
def check(receipt: str) -> str:
    return receipt


@omium.workflow
def order() -> str:
    return check(charge(plan()))


def die_at(number: int) -> None:
    """SIGKILL before the odd and after the even writes."""
    counter = itertools.count(1)

    def deadly(function):
        def write(*args, **kwargs):
            if next(counter) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*args, **kwargs)
            if next(counter) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return write

    for name in ("commit", "fail", "intend"):
        setattr(Place, name, deadly(getattr(Place, name)))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        die_at(int(sys.argv[1]))
    assert order.options(id="order").start().result() == "charge-good"
