"""Whole answers: recorded once, answered from the record ever after, and nothing else touched."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from wire_provider import Provider

import omium
from omium import wire
from omium.wire.identity import meaningful


def entries(id: str = "x") -> list[Any]:
    return list(omium.config.store().entries(id))


def test_a_finished_call_is_not_made_again(provider: Provider, ask: Any) -> None:
    def program() -> list[str]:
        with omium.execution("x"):
            return [ask(question).json()["choices"][0]["message"]["content"] for question in ("why?", "how?", "why?")]

    assert program() == ["well said indeed"] * 3
    assert provider.hits == 3
    assert program() == ["well said indeed"] * 3
    assert provider.hits == 3
    assert [(entry.kind, entry.name, entry.occurrence) for entry in entries()] == [
        ("llm", "chat gpt-4o-mini", 0),
        ("llm", "chat gpt-4o-mini", 0),
        ("llm", "chat gpt-4o-mini", 1),
    ]


def test_a_program_goes_on_where_it_died(provider: Provider, ask: Any) -> None:
    def program(stop: bool) -> None:
        with omium.execution("x"):
            for n in range(4):
                if stop and n == 2:
                    raise KeyboardInterrupt
                ask(f"question {n}")

    with pytest.raises(KeyboardInterrupt):
        program(stop=True)
    program(stop=False)
    assert [body["messages"][0]["content"] for body in provider.requests] == [f"question {n}" for n in range(4)]


def test_a_replayed_response_is_a_response(provider: Provider, ask: Any, library: Any) -> None:
    provider.encoding = "gzip"
    with omium.execution("x"):
        live = ask("why?")
    with omium.execution("x", mode="replay"):
        played = ask("why?")
    assert type(played) is library.Response
    assert (played.status_code, played.json(), played.text) == (live.status_code, live.json(), live.text)
    assert played.headers["x-request-id"] == live.headers["x-request-id"]
    assert played.headers["content-type"] == "application/json"
    assert played.is_success
    assert played.request.url == live.request.url
    assert played.elapsed.total_seconds() == 0
    assert live.extensions["omium"] == {"execution": "x", "seq": 1, "replayed": False}
    assert played.extensions["omium"] == {"execution": "x", "seq": 1, "replayed": True}


@pytest.mark.parametrize("stream", [False, True])
def test_a_json_answer_is_on_record_before_send_returns(provider: Provider, library: Any, stream: bool) -> None:
    body = {"model": "m", "messages": []}
    with omium.execution("x"), library.Client() as client:
        request = client.build_request("POST", provider.url + "/chat/completions", json=body)
        response = client.send(request, stream=stream)
        assert [entry.status for entry in entries()] == ["done"]
        assert response.read() == b"".join(response.iter_bytes())
        assert response.json()["model"] == "m"


async def test_async_clients(provider: Provider, library: Any) -> None:
    async def program() -> list[int]:
        async with omium.execution("x"), library.AsyncClient(base_url=provider.url) as client:
            bodies = [{"model": "m", "messages": [{"role": "user", "content": str(n % 3)}]} for n in range(6)]
            calls = [client.post("/chat/completions", json=body) for body in bodies]
            return [response.status_code for response in await asyncio.gather(*calls)]

    assert await program() == [200] * 6
    assert provider.hits == 6
    assert await program() == [200] * 6
    assert provider.hits == 6


async def test_identical_calls_at_once_keep_their_answers_apart(provider: Provider, library: Any) -> None:
    """Each takes a ticket: none is lost, and none gets the answer of another in the end."""

    async def program(mode: Any = "live") -> list[str]:
        async with omium.execution("x", mode=mode), library.AsyncClient(base_url=provider.url) as client:
            body = {"model": "m", "messages": []}
            calls = [client.post("/chat/completions", json=body) for _ in range(8)]
            return [response.headers["x-request-id"] for response in await asyncio.gather(*calls)]

    first = await program()
    assert len(entries()) == 8
    assert sorted(entry.occurrence for entry in entries()) == list(range(8))
    assert sorted(await program("replay")) == sorted(first)
    assert provider.hits == 8


def test_without_an_execution_everything_passes(provider: Provider, ask: Any) -> None:
    assert ask("why?").extensions.get("omium") is None
    ask("why?")
    assert provider.hits == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/files", {"messages": [], "model": "m"}),
        ("/v1/messages", {"to": "+49", "text": "an SMS, not a model call"}),
        ("/v1/messages", {"messages": [{"to": "+49"}]}),
        ("/v1/chat/completions", {"model": "m"}),
        ("/v1/chat/completions/7", {"model": "m", "messages": []}),
        ("/v1/chat/completions", ["not", "an", "object"]),
    ],
)
def test_other_requests_pass_through(provider: Provider, library: Any, path: str, body: Any) -> None:
    with omium.execution("x"):
        for _ in range(2):
            library.post(provider.root + path, json=body)
    assert provider.hits == 2
    assert entries() == []


def test_other_methods_pass_through(provider: Provider, library: Any) -> None:
    with omium.execution("x"):
        assert library.get(provider.url + "/chat/completions").status_code == 501
    assert entries() == []


def test_a_slash_at_the_end_of_the_path(provider: Provider, library: Any) -> None:
    for _ in range(2):
        with omium.execution("x"):
            library.post(provider.url + "/chat/completions/", json={"model": "m", "messages": []})
    assert provider.hits == 1


def test_identity_is_what_is_asked(provider: Provider, library: Any) -> None:
    """Not how: retries change headers, keys are rotated, users and caches are named anew."""

    def call(client: Any, content: str, key: str, **more: Any) -> None:
        body = {"model": "m", "messages": [{"role": "user", "content": content}], **more}
        client.post(f"/chat/completions?key={key}", json=body, headers={"authorization": f"Bearer {key}"})

    with library.Client(base_url=provider.url) as client:
        with omium.execution("x"):
            call(client, "a", "key-number-1", user="u1", metadata={"t": 1}, prompt_cache_key="k", store=True)
        with omium.execution("x"):
            call(client, "a", "key-number-2", user="u2", metadata={"t": 2}, safety_identifier="s")
        assert provider.hits == 1
        for more in ({"temperature": 0.5}, {"stream": True}, {"messages": []}, {"model": "n"}):
            with pytest.raises(omium.Divergence), omium.execution("x"):
                call(client, "a", "key-number-2", **more)
    assert provider.hits == 1


def test_the_order_of_keys_is_no_difference(provider: Provider, library: Any) -> None:
    bodies = ['{"model": "m", "messages": []}', '{"messages":[],"model":"m"}']
    for body in bodies:
        with omium.execution("x"):
            library.post(provider.url + "/chat/completions", content=body)
    assert provider.hits == 1


def conversation(shape: str, ids: list[str], results: list[str]) -> list[Any]:
    """Two tool calls and their results; `results` says to which call each belongs."""
    told = dict(zip(results, ("sunny", "cold"), strict=True))
    if shape == "chat":
        calls = [{"id": id, "type": "function", "function": {"name": "look", "arguments": "{}"}} for id in ids]
        answers = [{"role": "tool", "tool_call_id": id, "content": text} for id, text in told.items()]
        return [{"role": "assistant", "tool_calls": calls}, *answers]
    if shape == "messages":
        calls = [{"type": "tool_use", "id": id, "name": "look", "input": {}} for id in ids]
        answers = [{"type": "tool_result", "tool_use_id": id, "content": text} for id, text in told.items()]
        return [{"role": "assistant", "content": calls}, {"role": "user", "content": answers}]
    if shape == "responses":
        calls = [{"type": "function_call", "call_id": id, "name": "look", "arguments": "{}"} for id in ids]
        return [*calls, *({"type": "function_call_output", "call_id": id, "output": text} for id, text in told.items())]
    calls = [{"functionCall": {"id": id, "name": "look", "args": {"id": "room 7"}}} for id in ids]
    answers = [{"functionResponse": {"id": id, "name": "look", "response": {"r": text}}} for id, text in told.items()]
    return [{"role": "model", "parts": calls}, {"role": "user", "parts": answers}]


@pytest.mark.parametrize("shape", ["chat", "messages", "responses", "gemini"])
def test_the_ids_of_tool_calls_only_tie_results_to_them(shape: str) -> None:
    """Some frameworks make up new ones in every process; which result belongs to which call still counts."""
    key = {"responses": "input", "gemini": "contents"}.get(shape, "messages")

    def identity(ids: list[str], results: list[str]) -> Any:
        return meaningful({key: conversation(shape, ids, results)})

    first = identity(["a-1", "a-2"], ["a-1", "a-2"])
    assert identity(["b-1", "b-2"], ["b-1", "b-2"]) == first
    assert identity(["b-1", "b-2"], ["b-2", "b-1"]) != first
    assert "a-1" not in str(first)
    assert "sunny" in str(first)
    if shape == "gemini":
        assert "room 7" in str(first), "an argument that is called id is an argument"


def test_one_can_add_endpoints(provider: Provider, library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from omium.wire import endpoints

    monkeypatch.setattr(endpoints, "_added", [])
    url = provider.root + "/acme/talk/(?)"
    with pytest.raises(omium.InvalidInput, match="shape is one of"):
        wire.add_endpoint("/acme/talk", "acme")
    with pytest.raises(omium.InvalidInput, match="no regular expression"):
        wire.add_endpoint("/acme/(", "chat")
    wire.add_endpoint("/acme/talk", "chat", host="127.0.0.1")
    wire.add_endpoint("/elsewhere/talk", "chat", host="elsewhere.example")
    for _ in range(2):
        with omium.execution("x"):
            library.post(url.removesuffix("/(?)"), json={"model": "m", "messages": []})
    assert provider.hits == 1
    assert endpoints.find("127.0.0.1", "/elsewhere/talk") is None


def test_of_an_unknown_interface_everything_is_asked(
    provider: Provider, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omium.wire import endpoints

    monkeypatch.setattr(endpoints, "_added", [])
    wire.add_endpoint("/acme/talk")
    with omium.execution("x"):
        library.post(provider.root + "/acme/talk", json={"user": "why?"})
    with pytest.raises(omium.Divergence, match=r"why\?.*how\?"), omium.execution("x", mode="replay"):
        library.post(provider.root + "/acme/talk", json={"user": "how?"})


def test_calls_inside_a_step_belong_to_it(provider: Provider, ask: Any) -> None:
    stops = [1]

    @omium.step
    def think(n: int) -> str:
        ask(f"{n}a")
        text: str = ask(f"{n}b").headers["x-request-id"]
        if n in stops:
            stops.clear()
            raise KeyboardInterrupt
        return text

    def program() -> list[str]:
        with omium.execution("x"):
            return [think(n) for n in range(2)]

    with pytest.raises(KeyboardInterrupt):
        program()
    assert program() == ["req-2", "req-4"]
    assert provider.hits == 4
    assert [entry.scope != "" for entry in entries()] == [True, True, False, True, True, False]


def test_an_adapters_own_model_call_is_not_recorded_twice(provider: Provider, ask: Any) -> None:
    from omium.runtime import _record

    with omium.execution("x"):
        _record.call("llm", "acme", {}, lambda: ask("why?").text)
    assert [entry.name for entry in entries()] == ["acme"]


def test_instrument_and_uninstrument(library: Any) -> None:
    wire.instrument()
    wrapped = library.Client.send
    wire.instrument()
    assert library.Client.send is wrapped
    assert wrapped.__wrapped__.__qualname__ == "Client.send"
    wire.uninstrument()
    assert library.Client.send is wrapped.__wrapped__
    wire.instrument()
    assert library.Client.send is not wrapped.__wrapped__


@pytest.mark.parametrize("early", [True, False])
def test_a_library_is_instrumented_whenever_it_is_imported(early: bool, provider: Provider, tmp_path: Any) -> None:
    """By the first execution when `omium.init()` was never called."""
    program = f"""
        import sys, omium
        assert not [name for name in ("httpx", "httpx2", "asyncio") if name in sys.modules]
        {"omium.init()" if early else ""}
        with omium.execution("x"):
            import httpx, httpx2
            for library in (httpx, httpx2):
                library.post("{provider.url}/chat/completions", json={{"model": "m", "messages": []}})
        print(len(omium.get("x").checkpoints()))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(omium.__file__).parents[1])},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.stdout == "2\n", done.stderr
