"""Killed at any moment, between two chunks or two calls: what the program has got is never asked again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from wire_provider import Provider

import omium

KILLS = int(os.environ.get("OMIUM_TEST_KILLS", "8"))
CALLS = 4 * KILLS

PROGRAM = """
    import asyncio, os, sys
    import httpx, omium

    def body(n):
        stream = {{"stream": True, "stream_options": {{"include_usage": True}}}} if n % 2 else {{}}
        return {{"model": "m", "messages": [{{"role": "user", "content": str(n)}}], **stream}}

    def acknowledge(n):
        os.write(acks, f"{{n}}\\n".encode())

    acks = os.open("acks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def plain():
        with omium.execution("x", budget_tokens=120 * {calls} + 1), httpx.Client(base_url="{url}") as client:
            for n in range({calls}):
                with client.stream("POST", "/chat/completions", json=body(n)) as response:
                    for chunk in response.iter_bytes():
                        pass
                acknowledge(n)

    async def gathered():
        async def call(client, n):
            async with client.stream("POST", "/chat/completions", json=body(n)) as response:
                async for chunk in response.aiter_bytes():
                    pass
            acknowledge(n)

        async with omium.execution("x"), httpx.AsyncClient(base_url="{url}") as client:
            for start in range(0, {calls}, 4):
                await asyncio.gather(*(call(client, n) for n in range(start, start + 4)))

    asyncio.run(gathered()) if {gathered} else plain()
"""


@pytest.mark.parametrize("gathered", [False, True], ids=["one by one", "four at once"])
def test_no_answer_is_paid_for_twice(provider: Provider, tmp_path: Path, gathered: bool) -> None:
    provider.pause = 0.004
    program = textwrap.dedent(PROGRAM.format(calls=CALLS, url=provider.url, gathered=gathered))
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(omium.__file__).parents[1]),
        "OMIUM_STORE": str(tmp_path / "store"),
    }
    acks = tmp_path / "acks"
    chance = random.Random(7)
    in_flight = 4 if gathered else 1
    kills = 0
    while True:
        asked_before = provider.hits
        acknowledged = set(acks.read_text().split()) if acks.exists() else set()
        process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=environment)
        if kills < KILLS:
            while provider.hits == asked_before and process.poll() is None:
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.06))
            process.send_signal(signal.SIGKILL)
        code = process.wait(60)
        again = [body["messages"][0]["content"] for body in provider.requests[asked_before:]]
        assert not acknowledged.intersection(again), "an answer the program had was asked for again"
        if code == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
    assert kills >= KILLS / 2
    assert provider.hits <= CALLS + kills * in_flight
    entries = omium.config.store().entries("x")
    assert sorted(entry.status for entry in entries if entry.kind == "llm") == ["done"] * CALLS
