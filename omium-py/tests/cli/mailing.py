"""Sends a mail that fails until FIXED=1; its policy retries, then asks a person. LOOSE=1: without a workflow."""

import os
import sys

import omium

POLICY = omium.Recovery(retry=omium.Retry(times=1, first=0), ask=True)


@omium.step
def draft() -> str:
    return "Dear all"


@omium.effect(recovery=POLICY)
def send(text: str) -> str:
    with open("outside", "a") as file:
        file.write("tried\n")
    if not os.environ.get("FIXED"):
        raise ConnectionError("no line")
    return "sent"


@omium.workflow
def mailing() -> str:
    return send(draft())


if __name__ == "__main__":
    if os.environ.get("LOOSE"):
        with omium.execution(sys.argv[1]):
            mailing()
    else:
        mailing.options(id=sys.argv[1]).start()
