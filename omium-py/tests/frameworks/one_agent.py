"""What the programs of all frameworks share: one tool that acts outside, one execution, one answer.

    python FRAMEWORK.py URL DIRECTORY [--stream] [--crash] [--mode replay] ...

The tool writes a line to DIRECTORY/effects for each n. With --crash the process kills itself when the
third call of it begins, before it acts.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import omium

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("directory", type=Path)
parser.add_argument("--stream", action="store_true")
parser.add_argument("--crash", action="store_true")
parser.add_argument("--variant", default="")
parser.add_argument("--mode", choices=("live", "replay"), default="live")
given = parser.parse_args()

ledger: Path = given.directory / "effects"
MODEL = "gpt-4o-mini"
KEY = "sk-this-key-is-secret-000001"
TASK = "Take the steps 1, 2 and 3, one after the other."

os.environ.update(OPENAI_API_KEY=KEY, OPENAI_BASE_URL=given.url, OMIUM_STORE=str(given.directory / "store"))


def _happened(n: int) -> str | None:
    return f"step {n} taken" if ledger.exists() and f"{n}\n" in ledger.read_text() else None


@omium.effect(probe=_happened)
def take(n: int) -> str:
    """Takes the step with this number."""
    if given.crash and n == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    with ledger.open("a") as file:
        file.write(f"{n}\n")
    return f"step {n} taken"


def run(program: Callable[[], Any]) -> None:
    """Runs a plain or async program as the execution "agent" and prints what it answers."""
    if inspect.iscoroutinefunction(program):
        print("answer:", asyncio.run(_arun(program)))
        return
    with omium.execution("agent", mode=given.mode):
        answer = program()
    print("answer:", answer)


async def _arun(program: Callable[[], Any]) -> Any:
    async with omium.execution("agent", mode=given.mode):
        return await program()
