"""A stand-in for a paid model: deterministic, local, slow, and it bills every finished call.

The bill is a file beside the program and outside omium's store: it cannot be talked out of a call.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from pathlib import Path

__all__ = ["BILL", "ask", "essay"]

BILL = Path("bill.txt")
SECONDS = float(os.environ.get("DEMO_SECONDS", "0.3"))
# The call with this number takes far too long: time enough to kill whoever waits for it.
HANGS = int(os.environ.get("DEMO_HANGS", "0"))

_number = itertools.count(1)
_WHO = ("agent", "worker", "process", "host", "planner", "tool", "model", "queue", "ledger", "operator")
_DOES = ("loses", "keeps", "repeats", "forgets", "checks", "resumes", "writes", "reads", "delays", "verifies")
_WHAT = ("a paid answer", "the last step", "its own notes", "an open order", "the plan", "a half-read page")
_WHEN = ("after a crash", "before the commit", "under load", "while it waits", "at every restart")


def ask(prompt: str, answer: str | None = None) -> str:
    """One model call: it takes its time, then it is on the bill."""
    print(f"model: {prompt}", flush=True)
    time.sleep(60 if next(_number) == HANGS else SECONDS)
    with BILL.open("a", encoding="utf-8") as bill:
        bill.write(prompt + "\n")
    return essay(prompt, 3) if answer is None else answer


def essay(about: str, sentences: int) -> str:
    """Prose that is always the same for the same subject."""
    draw = random.Random(about)
    return " ".join(
        # The run number keeps it from compressing better than real pages do.
        f"The {draw.choice(_WHO)} {draw.choice(_DOES)} {draw.choice(_WHAT)} {draw.choice(_WHEN)} "
        f"(run {draw.getrandbits(64):016x})."
        for _ in range(sentences)
    )
