"""What is allowed and rarely seen: bodies made while they are sent, odd headers, raw reading, half characters."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from store_search import find

import omium
from omium import config

URL = "https://models.example/v1/chat/completions"
BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "why?"}]}
WHOLE = {"model": "gpt-4o-mini", "choices": [{"message": {"content": "so"}}], "usage": {"prompt_tokens": 7}}


class Asked:
    """A client whose requests get one answer; `bodies` are what they sent."""

    def __init__(self, library: Any, **answer: Any) -> None:
        self.bodies: list[bytes] = []
        self._library = library
        self._answer = answer or {"json": WHOLE}
        transport = library.MockTransport(self._handle)
        self.client = library.Client(transport=transport)
        self.async_client = library.AsyncClient(transport=transport)

    def _handle(self, request: Any) -> Any:
        self.bodies.append(request.read())
        return self._library.Response(**{"status_code": 200, **self._answer})


def entries(id: str = "x") -> list[Any]:
    return config.store().entries(id)


def test_a_body_that_is_made_while_it_is_sent(library: Any) -> None:
    asked = Asked(library)

    def parts() -> Iterator[bytes]:
        whole = json.dumps(BODY).encode()
        yield whole[:10]
        yield whole[10:]

    for _ in range(2):
        with omium.execution("x"):
            assert asked.client.post(URL, content=parts()).json() == WHOLE
    assert [json.loads(body) for body in asked.bodies] == [BODY]


async def test_an_async_body_that_is_made_while_it_is_sent(library: Any) -> None:
    asked = Asked(library)

    async def parts() -> AsyncIterator[bytes]:
        yield json.dumps(BODY).encode()

    for _ in range(2):
        async with omium.execution("x"):
            assert (await asked.async_client.post(URL, content=parts())).json() == WHOLE
    assert [json.loads(body) for body in asked.bodies] == [BODY]


def test_an_upload_is_not_read_into_memory(library: Any, tmp_path: Path) -> None:
    asked, file = Asked(library), tmp_path / "sound"
    file.write_bytes(b"0" * 1000)
    with omium.execution("x"), file.open("rb") as opened:
        request = asked.client.build_request("POST", URL, data={"model": "whisper"}, files={"file": opened})
        asked.client.send(request)
    assert len(asked.bodies) == 1
    assert entries() == []


def test_a_compressed_body(library: Any, store: Path) -> None:
    asked = Asked(library)
    said = {**BODY, "messages": [{"role": "user", "content": "my key is sk-compressed-0001"}]}
    headers = {"content-encoding": "gzip", "x-api-key": "sk-compressed-0001"}
    for level in (1, 9):
        with omium.execution("x"):
            content = gzip.compress(json.dumps(said).encode(), level)
            asked.client.post(URL, content=content, headers=headers)
    assert len(asked.bodies) == 1
    assert find(store, ["sk-compressed-0001"]) == []


def test_headers_that_are_not_ascii(library: Any) -> None:
    asked = Asked(library, json=WHOLE, headers=[(b"x-region", "Zürich".encode("latin-1"))])
    for _ in range(2):
        with omium.execution("x"):
            assert asked.client.post(URL, json=BODY).headers["x-region"] == "Zürich"
    assert len(asked.bodies) == 1


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_what_is_no_stream_can_be_read_raw(library: Any, status: int, encoding: str) -> None:
    """For the record it was read already, which the program does not know."""
    whole = json.dumps(WHOLE).encode()
    content = gzip.compress(whole) if encoding == "gzip" else whole
    asked = Asked(library, status_code=status, content=content, headers={"content-encoding": encoding})

    def program() -> None:
        with asked.client.stream("POST", URL, json=BODY) as response:
            assert b"".join(response.iter_raw()) == whole
        with asked.client.stream("POST", URL, json=BODY) as response:
            assert response.read() == whole
        with asked.client.stream("POST", URL, json=BODY) as response:
            assert list(response.iter_lines()) == [whole.decode()]

    for _ in range(2):
        with omium.execution("x"):
            program()
    assert len(asked.bodies) == 3


async def test_the_same_in_async_code(library: Any) -> None:
    asked = Asked(library)
    for _ in range(2):
        async with omium.execution("x"), asked.async_client.stream("POST", URL, json=BODY) as response:
            assert json.loads(b"".join([chunk async for chunk in response.aiter_raw()])) == WHOLE
    assert len(asked.bodies) == 1


@pytest.mark.parametrize("content", [b"[" * 200_000, b'{"a":' * 200_000, b"data: " + b"[" * 200_000 + b"\n\n"])
def test_nesting_without_end_is_no_answer(library: Any, content: bytes) -> None:
    kind = "text/event-stream" if content.startswith(b"data") else "application/json"
    asked = Asked(library, content=content, headers={"content-type": kind})
    with omium.execution("x"):
        assert asked.client.post(URL, json=BODY).content == content
    assert [entry.status for entry in entries()] == ["failed"]


def test_half_a_character(library: Any) -> None:
    asked = Asked(library, status_code=400, content=rb'{"error": {"message": "broken: \ud83d"}}')
    with omium.execution("x"):
        content = json.dumps({**BODY, "model": "gpt\n\ud83d"})
        assert asked.client.post(URL, content=content).status_code == 400
    (entry,) = entries()
    assert (entry.name, entry.error) == ("chat gpt??", r"HTTPStatusError: 400 broken: \ud83d")


@pytest.mark.parametrize("days", [-3, 3])
def test_the_clock_is_set_during_a_call(library: Any, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """It stood at `days` from now, and is put right before the answer comes."""
    real = time.time_ns

    def handle(request: Any) -> Any:
        monkeypatch.setattr(time, "time_ns", real)
        return library.Response(200, json=WHOLE)

    monkeypatch.setattr(time, "time_ns", lambda: real() + days * 86400 * 10**9)
    client = library.Client(transport=library.MockTransport(handle))
    with omium.execution("x"):
        client.post(URL, json=BODY)
    (entry,) = entries()
    assert 0 <= entry.usage["latency_ms"] < 3_600_000
    assert entry.duration_ms < 3_600_000


def test_a_transport_that_has_read_the_stream_already(library: Any) -> None:
    """As one with a cache has, or a double in a test."""
    events = b"data: " + json.dumps({"choices": [{"finish_reason": "stop"}]}).encode() + b"\n\ndata: [DONE]\n\n"
    asked = Asked(library, content=events, headers={"content-type": "text/event-stream"})
    for _ in range(2):
        with omium.execution("x"):
            with asked.client.stream("POST", URL, json={**BODY, "stream": True}) as response:
                assert response.read() == events
            with asked.client.stream("POST", URL, json={**BODY, "stream": True}) as response:
                assert b"".join(response.iter_raw()) == events
    assert len(asked.bodies) == 2
    assert [entry.status for entry in entries()] == ["done", "done"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reads", [False, True])
def test_a_refusal_that_a_hook_raised(library: Any, stream: bool, reads: bool) -> None:
    """The program went on from it, so a resume is given the same error, with its response."""
    asked = Asked(library, status_code=418, content=iter([b"no tea"]), headers={"x-pot": "yes"})

    def hook(response: Any) -> None:
        if reads:
            response.read()
        response.raise_for_status()

    asked.client.event_hooks = {"response": [hook]}
    seen = []

    def program(dies: bool) -> None:
        with pytest.raises(library.HTTPStatusError) as caught:
            asked.client.send(asked.client.build_request("POST", URL, json=BODY), stream=stream)
        response = caught.value.response
        body = response.read() if reads else None
        seen.append((str(caught.value), response.status_code, response.headers["x-pot"], body))
        went_on()
        if dies:
            raise RuntimeError("died")

    with pytest.raises(RuntimeError, match="died"), omium.execution("x"):
        program(dies=True)
    with omium.execution("x"):
        program(dies=False)
    assert seen[0] == seen[1]
    assert len(asked.bodies) == 1


@omium.step
def went_on() -> None:
    pass
