"""Tokens and cost, by shape: whole answers and streams, with what was cached and what was thought."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from wire_provider import Provider

import omium
from omium.wire import prices, usage
from omium.wire.usage import Tokens

CHAT = {"model": "gpt-4o-mini", "messages": []}
SHAPES = {
    "chat": ("/v1/chat/completions", CHAT),
    "responses": ("/v1/responses", {"model": "gpt-4o-mini", "input": "hi"}),
    "messages": ("/v1/messages", {"model": "claude-haiku-4-5", "messages": [], "max_tokens": 5}),
    "gemini": ("/v1beta/models/gemini-2.5-flash:generateContent", {"contents": []}),
}
COST = {
    # 60 fresh, 40 cached, 20 said; in billionths of a dollar.
    "chat": 60 * 150 + 40 * 75 + 20 * 600,
    "responses": 60 * 150 + 40 * 75 + 20 * 600,
    "messages": 60 * 1000 + 40 * 100 + 20 * 5000,
    "gemini": 60 * 300 + 40 * 30 + 20 * 2500,
}
REASONING = {"chat": 5, "responses": 5, "messages": 0, "gemini": 5}


def last() -> Any:
    return omium.config.store().entries("x")[-1]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_counted(provider: Provider, library: Any, shape: str, stream: bool) -> None:
    path, body = SHAPES[shape]
    if stream and shape == "gemini":
        path = path.replace(":g", ":streamG")
    elif stream:
        body = {**body, "stream": True, "stream_options": {"include_usage": True}}
    with omium.execution("x"):
        assert library.post(provider.root + path, json=body).is_success
    counted = last().usage
    assert counted.pop("latency_ms") < 5000
    expected = {"input_tokens": 100, "output_tokens": 20, "cached_tokens": 40, "cost_nano_usd": COST[shape]}
    if REASONING[shape]:
        expected["reasoning_tokens"] = REASONING[shape]
    assert counted == expected
    meta = omium.codec.loads(last().meta.codec, last().meta.read())
    assert meta["prices"] == prices.table().version
    assert meta["stream"] is (stream or False)


def test_embeddings(provider: Provider, library: Any) -> None:
    for _ in range(2):
        with omium.execution("x"):
            library.post(provider.url + "/embeddings", json={"model": "text-embedding-3-small", "input": ["a"]})
    assert (last().name, last().usage["cost_nano_usd"]) == ("embeddings text-embedding-3-small", 100 * 20)
    assert provider.hits == 1


def test_a_stream_that_does_not_say_is_told_apart(provider: Provider, library: Any) -> None:
    """Nothing is put into the request to make it say: that would be another request."""
    with omium.execution("x"):
        library.post(provider.url + "/chat/completions", json={**CHAT, "stream": True})
    assert provider.requests == [{**CHAT, "stream": True}]
    assert {name: count for name, count in last().usage.items() if name != "latency_ms"} == {"unmetered_calls": 1}
    assert b"does not say what it used" in last().meta.read()


def test_a_model_without_a_price(provider: Provider, library: Any) -> None:
    with omium.execution("x"):
        library.post(provider.url + "/chat/completions", json={**CHAT, "model": "acme-7b"})
    assert last().usage["unpriced_calls"] == 1
    assert last().usage["input_tokens"] == 100
    assert "cost_nano_usd" not in last().usage
    assert b"no price for acme-7b" in last().meta.read()


@pytest.mark.parametrize("as_file", [False, True])
def test_prices_of_ones_own(provider: Provider, library: Any, tmp_path: Path, as_file: bool) -> None:
    given: Any = {"acme-7b": {"input": 1, "output": 2, "cached": 0.5}, "gpt-4o-mini": {"input": 0, "output": 0}}
    if as_file:
        (tmp_path / "prices.json").write_text(json.dumps({"models": given}))
        given = tmp_path / "prices.json"
    omium.init(store=tmp_path / "store", prices=given)
    with omium.execution("x"):
        for model in ("acme-7b", "gpt-4o-mini", "gpt-4o"):
            library.post(provider.url + "/chat/completions", json={**CHAT, "model": model})
    entries = omium.config.store().entries("x")
    costs = [entry.usage["cost_nano_usd"] for entry in entries]
    assert costs == [60 * 1000 + 40 * 500 + 20 * 2000, 0, 60 * 2500 + 40 * 1250 + 20 * 10000]
    versions = [omium.codec.loads("msgpack", entry.meta.read())["prices"] for entry in entries if entry.meta]
    assert versions == ["own", "own", prices.table().version]


@pytest.mark.parametrize(
    "given",
    [
        {"m": {"input": 1}},
        {"m": {"input": 1, "output": 2, "typo": 3}},
        {"m": {"input": "1", "output": 2}},
        {"m": {"input": -1, "output": 2}},
        {"m": {"input": True, "output": 2}},
        {"m": {"input": 1, "output": 2, "above": 5}},
        {"m": {"input": 1, "output": 2, "above": {"input": 1, "output": 2}}},
        {"m": {"input": 1, "output": 2, "above": {"input_tokens": "many", "input": 1, "output": 2}}},
        {5: {"input": 1, "output": 2}},
        {"m": 3},
        ["m"],
        "missing.json",
    ],
)
def test_what_is_no_price_is_refused(given: Any, tmp_path: Path) -> None:
    with pytest.raises(omium.InvalidInput, match="price"):
        omium.init(prices=given)


def test_a_file_of_prices_is_read_at_once(
    provider: Provider, library: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the first answer is counted it is paid for, and the file may be gone."""
    monkeypatch.chdir(tmp_path)
    Path("prices.json").write_text(json.dumps({"acme-7b": {"input": 1, "output": 2}}), "utf-8-sig")
    omium.init(store=tmp_path / "store", prices="prices.json")
    Path("prices.json").unlink()
    with omium.execution("x"):
        library.post(provider.url + "/chat/completions", json={**CHAT, "model": "acme-7b"})
    assert last().usage["cost_nano_usd"] == 100 * 1000 + 20 * 2000


def test_ones_own_price_of_a_deployment(library: Any, store: Path) -> None:
    """Its answer names the model behind it, which has another price in the list."""
    answer = {"model": "gpt-4o-2024-08-06", "choices": [{}], "usage": {"prompt_tokens": 10}}
    client = library.Client(transport=library.MockTransport(lambda _: library.Response(200, json=answer)))
    omium.init(store=store, prices={"my-deployment": {"input": 7, "output": 7}})
    with omium.execution("x"):
        for model in ("my-deployment", "other-deployment"):
            client.post("https://models.example/chat/completions", json={**CHAT, "model": model})
    costs = [entry.usage["cost_nano_usd"] for entry in omium.config.store().entries("x")]
    assert costs == [10 * 7000, 10 * 2500]


def test_a_name_is_found_with_its_date_and_provider() -> None:
    table = prices.table()
    plain = table.find("gpt-4o-mini")
    assert plain is not None
    for name in ("gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini", "acme/openai/gpt-4o-mini-2024-07-18"):
        assert table.find(name) == plain
    assert table.find("claude-haiku-4-5@20251001") == table.find("claude-haiku-4-5")
    assert table.find("gpt-5-chat-latest") == table.find("gpt-5-chat") is not None
    assert table.find("models/gemini-2.5-flash") is not None
    # One that is dearer than its successor is listed by its own name.
    assert table.find("gpt-4o-2024-05-13") != table.find("gpt-4o")
    for name in ("gpt-4o-tomorrow", "gpt", "", None):
        assert table.find(name) is None


def test_the_shipped_table_is_sound() -> None:
    table = prices.table()
    assert len(table.listed) > 50
    for model, price in table.listed.items():
        assert 0 < price.input <= 1000, model
        assert price.cached <= price.input, model
        assert price.cost(Tokens(1, 0)) == round(price.input * 1000)


def test_long_prompts_and_cache_writes() -> None:
    price = prices.table({"m": {"input": 1, "output": 10, "above": {"input_tokens": 1000, "input": 2, "output": 20}}})
    found = price.find("m")
    assert found is not None
    assert found[0].cost(Tokens(input=1000, output=1)) == 1000 * 1000 + 10_000
    assert found[0].cost(Tokens(input=1001, output=1)) == 1001 * 2000 + 20_000
    haiku = prices.table().find("claude-haiku-4-5")
    assert haiku is not None
    written = Tokens(input=100, output=0, cached=10, cache_write=60, cache_write_long=20)
    assert haiku[0].cost(written) == 30 * 1000 + 10 * 100 + 40 * 1250 + 20 * 2000


def test_anthropic_reports_what_the_cache_had_no_part_in() -> None:
    written = {"cache_creation_input_tokens": 7, "cache_creation": {"ephemeral_1h_input_tokens": 3}}
    start = {"message": {"usage": {"input_tokens": 5, "cache_read_input_tokens": 11, **written, "output_tokens": 1}}}
    tokens = usage.messages(start, None)
    assert tokens == Tokens(input=23, output=1, cached=11, cache_write=7, cache_write_long=3)
    assert usage.messages({"usage": {"output_tokens": 9, "input_tokens": None}}, tokens) == tokens._replace(output=9)


READERS = [usage.chat, usage.responses, usage.messages, usage.gemini, usage.interactions, usage.ollama]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("odd", ["text", None, True, -5, 1.5, 10**30, [], {}])
def test_odd_counts_break_nothing(read: Any, odd: Any) -> None:
    names = ("prompt_tokens", "input_tokens", "promptTokenCount", "prompt_eval_count", "prompt_tokens_details")
    body = {"usage": dict.fromkeys(names, odd), "usageMetadata": dict.fromkeys(names, odd), "prompt_eval_count": odd}
    assert read(body, None) is None, "nothing was said, which is not the same as nothing used"
    assert read({"usage": odd, "usageMetadata": odd}, Tokens(3)) == Tokens(3)


@pytest.mark.parametrize("said", [{}, {"prompt_tokens": None}, {"total_tokens": 0}])
def test_an_empty_report_is_none(provider: Provider, library: Any, said: Any) -> None:
    client = library.Client(
        transport=library.MockTransport(lambda _: library.Response(200, json={"choices": [], "usage": said}))
    )
    with omium.execution("x"):
        client.post("https://models.example/chat/completions", json=CHAT)
    assert last().usage["unmetered_calls"] == 1


def test_thoughts_that_are_in_the_total_only() -> None:
    """As Google's interface for clients of OpenAI counts them."""
    said = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 115}
    assert usage.chat({"usage": said}, None) == Tokens(input=10, output=105)
    assert usage.chat({"usage": {**said, "total_tokens": 15.0}}, None) == Tokens(input=10, output=5)


def test_embeddings_of_google() -> None:
    """Its counts have other names than OpenAI's."""
    assert usage.embeddings({"embedding": {}, "usageMetadata": {"promptTokenCount": 9}}, None) == Tokens(input=9)
    assert usage.embeddings({"usage": {"prompt_tokens": 9, "total_tokens": 9}}, None) == Tokens(input=9)


def test_show_says_what_was_used(
    provider: Provider, library: Any, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from omium.cli import main

    with omium.execution("x"):
        for model in ("gpt-4o-mini", "acme-7b"):
            library.post(provider.url + "/chat/completions", json={**CHAT, "model": model})
        library.post(provider.url + "/chat/completions", json={**CHAT, "stream": True})
    assert main(["--store", str(store), "show", "x"]) == 0
    used = "240 tokens, $0.000024 (1 call without a known price, 1 call without usage)"
    assert f"used      {used}" in capsys.readouterr().out
