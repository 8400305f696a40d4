"""Calls the program stopped waiting for, and streams it left open: what came after them comes again."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from wire_provider import Provider

import omium
from omium.runtime import _cancelled

BODY = {"model": "m", "messages": [{"role": "user", "content": "why?"}]}
STREAM = {**BODY, "stream": True, "stream_options": {"include_usage": True}}

Ask = Callable[[Any], Awaitable[Any]]


def entries(id: str = "x") -> list[Any]:
    return list(omium.config.store().entries(id))


def statuses() -> list[str]:
    return [entry.status for entry in entries() if entry.kind == "llm"]


@omium.step
def note(text: str) -> str:
    return text


async def whole(client: Any) -> str:
    """The answer, which comes in pieces, waited for as a whole."""
    return str((await client.post("/chat/completions", json=STREAM)).text)


async def streamed(client: Any) -> list[str]:
    async with client.stream("POST", "/chat/completions", json=STREAM) as response:
        return [text async for text in response.aiter_text()]


async def scoped(call: Awaitable[Any]) -> Any:
    with anyio.fail_after(0.25):
        return await call


async def waited_for(call: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(call, 0.25)


@pytest.mark.parametrize("limited", [scoped, waited_for])
@pytest.mark.parametrize("call", [whole, streamed])
async def test_a_timeout_is_kept(provider: Provider, library: Any, call: Ask, limited: Ask) -> None:
    """The program went another way: asked again, the model might be quicker, and nothing after would fit."""
    provider.pause = 0.1

    async def program(stop: bool = False, mode: Any = "live") -> str:
        async with omium.execution("x", mode=mode), library.AsyncClient(base_url=provider.url) as client:
            try:
                said = str(await limited(call(client)))
            except (TimeoutError, asyncio.TimeoutError):
                said = note("too late")
            if stop:
                raise KeyboardInterrupt
            return said

    with pytest.raises(KeyboardInterrupt):
        await program(stop=True)
    assert statuses() == ["failed"]
    assert entries()[0].error == "CancelledError: the program stopped waiting here"
    provider.pause = 0
    assert await program() == "too late"
    assert await program(mode="replay") == "too late"
    assert provider.hits == 1


async def test_what_was_cancelled_with_the_whole_run_is_asked_again(provider: Provider, library: Any) -> None:
    provider.pause = 0.1

    async def program() -> str:
        async with omium.execution("x"), library.AsyncClient(base_url=provider.url) as client:
            note("begun")
            return await whole(client)

    run = asyncio.create_task(program())
    await asyncio.sleep(0.25)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert statuses() == ["failed"]
    provider.pause = 0
    before = time.monotonic()
    assert "[DONE]" in await program()
    assert time.monotonic() - before < 1
    assert statuses() == ["failed", "done"]


async def test_the_loser_of_a_race_loses_again(provider: Provider, library: Any) -> None:
    async def program(mode: Any = "live") -> str:
        async with omium.execution("x", mode=mode), library.AsyncClient(base_url=provider.url) as client:
            provider.pause = 0.2
            slow = asyncio.create_task(whole(client))
            await asyncio.sleep(0.1)
            quick = asyncio.create_task(client.post("/chat/completions", json=BODY))
            done, _ = await asyncio.wait({slow, quick}, return_when="FIRST_COMPLETED")
            slow.cancel()
            await asyncio.wait({slow})
            return note("slow" if slow in done else "quick")

    assert await program() == "quick"
    assert sorted(statuses()) == ["done", "failed"]
    assert await program("replay") == "quick"
    assert provider.hits == 2


async def test_a_program_that_is_cancelled_no_more_asks(
    provider: Provider, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody pressed Ctrl-C while others went on for a moment: nothing was decided by it."""
    monkeypatch.setattr(_cancelled, "_GRACE", 0)

    async def program(stop: bool = False) -> list[str]:
        async with omium.execution("x"), library.AsyncClient(base_url=provider.url) as client:
            provider.pause = 0.1 if stop else 0
            task = asyncio.create_task(whole(client))
            if stop:
                await asyncio.sleep(0.15)
                task.cancel()
                await asyncio.wait({task})
            note("others")
            if stop:
                raise KeyboardInterrupt
            return [await task]

    with pytest.raises(KeyboardInterrupt):
        await program(stop=True)
    (answer,) = await program()
    assert "[DONE]" in answer
    assert statuses() == ["failed", "done"]
    assert await program() == [answer]
    assert provider.hits == 2


def test_a_stream_that_is_left_open(provider: Provider, library: Any) -> None:
    """As by a `break` out of a loop over an SDK's stream, which nobody closes."""
    left = []

    def program() -> list[str]:
        with omium.execution("x"):
            client = library.Client(base_url=provider.url)
            response = client.send(client.build_request("POST", "/chat/completions", json=STREAM), stream=True)
            text = response.iter_text()
            left.append(text)
            return [next(text), note("went on")]

    first = program()
    assert statuses() == ["failed"]
    assert program() == first
    with pytest.raises(library.ReadError, match="the program did something else here"):
        list(left[1])
    assert provider.hits == 1


def test_killed_while_steps_run_beside_a_stream(provider: Provider, library: Any) -> None:
    """What was handed on is answered, and the steps are. For the rest the model is asked after a rollback only."""

    def program(stop: bool) -> int:
        with omium.execution("x"), library.Client(base_url=provider.url) as client:
            with client.stream("POST", "/chat/completions", json=STREAM) as response:
                for number, _ in enumerate(response.iter_text()):
                    note(f"piece {number}")
                    if stop and number == 2:
                        os._exit(9)
            note("after")
            return number

    if (child := os.fork()) == 0:
        program(stop=True)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert [entry.kind for entry in entries()] == ["llm", "step"] * 3
    with pytest.raises(library.ReadError, match="roll back"):
        program(stop=False)
    assert provider.hits == 1
    omium.get("x").rollback(0)
    last = program(stop=False)
    assert provider.hits == 2
    assert sum(entry.kind == "step" for entry in entries()) == last + 2
    assert program(stop=False) == last
    assert provider.hits == 2


def test_under_trio(provider: Provider, library: Any) -> None:
    trio = pytest.importorskip("trio")
    provider.pause = 0.1

    async def program() -> list[Any]:
        with omium.execution("x"):
            async with library.AsyncClient(base_url=provider.url) as client:
                said: list[Any] = [(await client.post("/chat/completions", json=BODY)).status_code]
                with trio.move_on_after(0.25):
                    said += await streamed(client)
                said.append(note("too late"))
                provider.pause = 0
                said += await streamed(client)
                return said

    first = trio.run(program)
    assert (statuses(), first[:2], provider.hits) == (["done", "failed", "done"], [200, "too late"], 3)
    provider.pause = 0
    assert trio.run(program) == first
    assert provider.hits == 3
