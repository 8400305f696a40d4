"""A model call under way when something else ends the run is paid for, so its answer is waited for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from wire_provider import Provider

import omium
from omium.exceptions import Waiting

STREAM = {
    "model": "m",
    "messages": [{"role": "user", "content": "why?"}],
    "stream": True,
    "stream_options": {"include_usage": True},
}
"""Comes in pieces, with pauses between them, and is waited for as a whole."""


async def test_an_answer_that_comes_after_a_question_is_on_record(provider: Provider, library: Any) -> None:
    provider.pause = 0.3

    async def program() -> list[Any]:
        async with library.AsyncClient(base_url=provider.url) as client, omium.execution("x"):
            return await asyncio.gather(client.post("/chat/completions", json=STREAM), person())

    async def person() -> Any:
        # Later than the call began, and earlier than its answer.
        await asyncio.sleep(0.1)
        return await omium.aask("May I?")

    with pytest.raises(Waiting):
        await program()
    omium.answer("x", "yes")
    response, said = await program()
    assert (response.status_code, said) == (200, "yes")
    assert provider.hits == 1
