"""A provider on this machine, and a client of either library to ask it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from wire_provider import Provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    provider.answer = "well said indeed"
    yield provider
    provider.stop()


@pytest.fixture(params=[httpx, httpx2], ids=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Any:
    return request.param


Ask = Callable[..., Any]


@pytest.fixture
def ask(provider: Provider, library: Any) -> Iterator[Ask]:
    """Asks the model one question: `ask("why?")` gives the response, `stream=True` its chunks."""
    client = library.Client(base_url=provider.url, timeout=20)

    def ask(question: str, stream: bool = False, **more: Any) -> Any:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}], **more}
        if not stream:
            return client.post("/chat/completions", json=body)
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        with client.stream("POST", "/chat/completions", json=body) as response:
            return list(response.iter_bytes())

    yield ask
    client.close()
