"""A loose program with effects; DIE=1 kills it before it records the last one."""

import os
import signal
from pathlib import Path

import omium

LEDGER = Path("ledger")


def write(*words):
    with LEDGER.open("a") as file:
        file.write(" ".join(words) + "\n")


def refund(order, receipt):
    write("refund", order, receipt)


@omium.effect(key="order", undo=refund)
def charge(order, cents):
    write("charge", order)
    return f"receipt-{order}"


@omium.effect
def mail(to):
    write("mail", to)
    if os.environ.get("DIE"):
        os.kill(os.getpid(), signal.SIGKILL)
    return "sent"


if __name__ == "__main__":
    with omium.execution("buy-1"):
        charge("o1", 100)
        charge("o2", 200)
        if os.environ.get("ASK"):
            omium.ask("send the mail?")
        mail("me@example.org")
