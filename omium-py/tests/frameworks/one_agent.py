"""What the programs of all frameworks share: one tool that acts outside, one execution, one answer.

    python FRAMEWORK.py URL DIRECTORY [--stream] [--crash] [--mode replay] ...

The tool writes a line to DIRECTORY/effects for each n. With --crash the process kills itself when the
third call of it begins, before it acts. With --secrets the model is asked through a proxy with a password, and
an effect fails whose error quotes a request; with --careless nothing is redacted, for a test of the test.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import inspect
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent_secrets import KEY, PASSWORD, TOOL_KEY, TOOL_TOKEN

import omium

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("directory", type=Path)
parser.add_argument("--stream", action="store_true")
parser.add_argument("--crash", action="store_true")
parser.add_argument("--secrets", action="store_true")
parser.add_argument("--careless", action="store_true")
parser.add_argument("--variant", default="")
parser.add_argument("--mode", choices=("live", "replay"), default="live")
given = parser.parse_args()

ledger: Path = given.directory / "effects"
MODEL = "gpt-4o-mini"
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


@omium.effect(in_doubt="retry")
def ask_for_the_weather() -> None:
    """Fails as a tool does whose server refuses it."""
    url = f"https://ada:{PASSWORD}@weather.example/v1?city=Bonn&api_key={TOOL_KEY}"
    raise ConnectionError(f"401 for {url} with {{'Authorization': 'Bearer {TOOL_TOKEN}'}}")


if given.secrets:
    os.environ.update(HTTP_PROXY=given.url.replace("//", f"//ada:{PASSWORD}@").removesuffix("/v1"), NO_PROXY="")
if given.careless:
    from omium import _redact
    from omium.wire import secrets

    _redact.text = lambda value: value
    secrets.of = lambda request: []


def run(program: Callable[[], Any]) -> None:
    """Runs a plain or async program as the execution "agent" and prints what it answers."""
    if given.secrets:
        with omium.execution("weather"), contextlib.suppress(ConnectionError):
            ask_for_the_weather()
    if inspect.iscoroutinefunction(program):
        print("answer:", asyncio.run(_arun(program)))
        return
    with omium.execution("agent", mode=given.mode):
        answer = program()
    print("answer:", answer)


async def _arun(program: Callable[[], Any]) -> Any:
    async with omium.execution("agent", mode=given.mode):
        return await program()
