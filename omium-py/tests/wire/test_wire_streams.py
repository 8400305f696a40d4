"""Streams: unbuffered, on record before their last chunk is handed on, and played chunk by chunk."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest
from wire_provider import Provider

import omium

BODY = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}}


def entries(id: str = "x") -> list[Any]:
    return list(omium.config.store().entries(id))


def test_chunks_are_handed_on_as_they_come(provider: Provider, ask: Any, library: Any) -> None:
    provider.pause = 0.1
    times = []
    with omium.execution("x"), library.stream("POST", provider.url + "/chat/completions", json=BODY) as response:
        times.extend(time.monotonic() for _ in response.iter_bytes())
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) >= 4
    assert min(gaps) > 0.05, "a buffered stream would come all at once"


def test_the_answer_is_on_record_before_its_last_chunk(provider: Provider, library: Any) -> None:
    """Also in gzip, where the chunks on the connection are not those of the answer."""
    for encoding in ("", "gzip"):
        provider.encoding = encoding
        url = provider.url + "/chat/completions"
        with omium.execution(f"x{encoding}") as run, library.stream("POST", url, json=BODY) as response:
            for chunk in response.iter_bytes():
                assert len(entries(run.id)) == (b"[DONE]" in chunk)
        assert [entry.status for entry in entries(run.id)] == ["done"]


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_stream_is_played_as_it_came(provider: Provider, ask: Any, encoding: str) -> None:
    provider.encoding = encoding
    with omium.execution("x"):
        live = ask("why?", stream=True)
    with omium.execution("x"):
        played = ask("why?", stream=True)
    assert len(live) >= 5
    assert played == live
    assert provider.hits == 1


def test_a_stream_says_what_it_is_once_it_is_read(provider: Provider, library: Any) -> None:
    for replayed in (False, True):
        with omium.execution("x"), library.stream("POST", provider.url + "/chat/completions", json=BODY) as response:
            response.read()
        assert response.extensions["omium"] == {"execution": "x", "seq": 1, "replayed": replayed}


def test_a_stream_that_is_called_plain_text(provider: Provider, library: Any) -> None:
    provider.kind = "text/plain"
    provider.pause = 0.05
    played = []
    for _ in range(2):
        with omium.execution("x"), library.stream("POST", provider.url + "/chat/completions", json=BODY) as response:
            began = time.monotonic()
            chunks = [(time.monotonic() - began, chunk) for chunk in response.iter_bytes()]
        played.append([chunk for _, chunk in chunks])
    assert played[0] == played[1]
    assert len(played[0]) > 4
    assert provider.hits == 1


async def test_async_streams(provider: Provider, library: Any) -> None:
    async def program() -> list[bytes]:
        async with (
            omium.execution("x"),
            library.AsyncClient(base_url=provider.url) as client,
            client.stream("POST", "/chat/completions", json=BODY) as response,
        ):
            return [chunk async for chunk in response.aiter_bytes()]

    for provider.encoding in ("", "gzip"):
        assert await program() == await program()
    assert provider.hits == 1


def test_a_stream_that_is_not_read_as_one(provider: Provider, library: Any) -> None:
    with omium.execution("x"):
        live = library.post(provider.url + "/chat/completions", json=BODY)
    with omium.execution("x"):
        played = library.post(provider.url + "/chat/completions", json=BODY)
    assert provider.hits == 1
    assert live.content == played.content
    assert [entry.status for entry in entries()] == ["done"]


@pytest.mark.parametrize("lines", [True, False])
def test_a_client_may_leave_at_the_mark(provider: Provider, library: Any, lines: bool) -> None:
    """Some break at [DONE] and close; the answer is whole all the same."""
    for _ in range(2):
        with omium.execution("x"), library.stream("POST", provider.url + "/chat/completions", json=BODY) as response:
            for piece in response.iter_lines() if lines else response.iter_text():
                if "[DONE]" in piece:
                    break
    assert [entry.status for entry in entries()] == ["done"]
    assert provider.hits == 1


def test_a_stream_closed_early_is_no_answer(provider: Provider, library: Any) -> None:
    @omium.step
    def note(text: str) -> str:
        return text

    def program(stop: bool = False) -> list[str]:
        with omium.execution("x"):
            with library.stream("POST", provider.url + "/chat/completions", json=BODY) as response:
                first = next(response.iter_text())
            if stop:
                raise KeyboardInterrupt
            return [first, note("went on")]

    with pytest.raises(KeyboardInterrupt):
        program(stop=True)
    assert [(entry.status, entry.error) for entry in entries()] == [
        ("failed", "IncompleteAnswer: the program closed this stream here, before it ended")
    ]
    # Nothing depended on it: it is asked again.
    first, _ = program()
    assert provider.hits == 2
    # Now something did: the program that leaves early is given the same beginning.
    assert program() == [first, "went on"]
    assert provider.hits == 2


def test_a_program_that_reads_on_where_it_closed_early(provider: Provider, library: Any) -> None:
    def program(reads: int) -> list[str]:
        chunks = []
        with omium.execution("x"), library.stream("POST", provider.url + "/chat/completions", json=BODY) as response:
            for chunk in response.iter_text():
                chunks.append(chunk)
                if len(chunks) == reads:
                    break
        return chunks

    two = program(2)
    assert program(2) == two
    with pytest.raises(library.ReadError, match="closed this stream here"):
        program(3)
    assert provider.hits == 1


@pytest.mark.parametrize("trouble", ["half", "break"])
def test_half_a_stream_is_no_answer(provider: Provider, library: Any, trouble: str) -> None:
    """Whether it ends as if nothing were wrong, or the connection breaks."""
    provider.troubles.append(trouble)

    def program() -> bytes:
        with omium.execution("x"):
            while True:
                try:
                    with library.stream("POST", provider.url + "/chat/completions", json=BODY) as response:
                        text = b"".join(response.iter_bytes())
                    if b"[DONE]" in text:
                        return text
                except library.RemoteProtocolError:
                    assert trouble == "break"

    answer = program()
    assert [entry.status for entry in entries()] == ["failed", "done"]
    assert program() == answer
    assert provider.hits == 2


@pytest.mark.parametrize("way", ["invoke", "invoke-with-response-stream", "converse", "converse-stream"])
def test_amazon_bedrock(provider: Provider, library: Any, way: str) -> None:
    """The SDK of Anthropic and LiteLLM ask it over httpx; its streams are frames of bytes."""
    url, body = f"{provider.root}/model/eu.anthropic.claude-haiku-4-5%3A0/{way}", {"messages": [], "max_tokens": 9}
    got = []
    for _ in range(2):
        with omium.execution("x"), library.stream("POST", url, json=body) as response:
            got.append((list(response.iter_bytes()), response.headers["content-type"]))
    assert got[0] == got[1]
    assert provider.hits == 1
    (entry,) = entries()
    assert (entry.name, entry.status) == ("invoke eu.anthropic.claude-haiku-4-5:0", "done")
    assert (entry.usage["input_tokens"], entry.usage["output_tokens"]) == (100, 20)


def test_other_shapes_end_by_their_own_marks(provider: Provider, library: Any) -> None:
    paths = {
        "/v1/responses": {"model": "m", "input": "hi", "stream": True},
        "/v1/messages": {"model": "m", "messages": [], "stream": True, "max_tokens": 9},
        "/v1beta/models/m:streamGenerateContent?alt=sse&key=k": {"contents": []},
    }
    marks = {"/v1/responses": b"response.completed", "/v1/messages": b"message_stop", "/v1beta": b"finishReason"}
    for path, body in paths.items():
        mark = next(mark for start, mark in marks.items() if path.startswith(start))
        got = []
        for id in (path, path):
            with omium.execution(id), library.stream("POST", provider.root + path, json=body) as response:
                chunks = []
                for chunk in response.iter_bytes():
                    assert len(entries(id)) == (mark in chunk) or got
                    chunks.append(chunk)
                got.append(chunks)
        assert got[0] == got[1]
        assert [(entry.status, entry.usage["output_tokens"]) for entry in entries(path)] == [("done", 20)]
    assert provider.hits == 3


def test_a_stream_read_after_its_execution_is_no_answer(provider: Provider, library: Any) -> None:
    client = library.Client()
    with omium.execution("x") as run:
        request = client.build_request("POST", provider.url + "/chat/completions", json=BODY)
        response = client.send(request, stream=True)
    assert b"[DONE]" in response.read()
    assert (run.status, [entry.status for entry in entries()]) == ("completed", ["failed"])


def test_a_stream_read_inside_a_step_leaves_the_steps_own_calls_alone(provider: Provider, library: Any) -> None:
    @omium.step
    def inner(n: int) -> int:
        return n

    def program(stop: bool) -> list[int]:
        with omium.execution("x"), library.stream("POST", provider.url + "/chat/completions", json=BODY) as response:

            @omium.step
            def read() -> int:
                inner(1)
                size = len(b"".join(response.iter_bytes()))
                return size + inner(2)

            sizes = [read(), inner(3)]
            if stop:
                raise KeyboardInterrupt
            return sizes

    with pytest.raises(KeyboardInterrupt):
        program(stop=True)
    before = [(entry.name.rpartition(".")[2], entry.scope == "") for entry in entries()]
    assert before == [("inner", False), ("chat m", True), ("inner", False), ("read", True), ("inner", True)]
    program(stop=False)
    assert provider.hits == 1
