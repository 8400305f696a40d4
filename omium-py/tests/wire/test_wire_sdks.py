"""The real SDKs over the wire: their retries, their streams, and omium's errors on their way through them."""

from __future__ import annotations

import asyncio
import importlib
import time
from typing import Any

import pytest
from wire_provider import Provider

import omium

KEY = "sk-secret-of-the-sdk-0000"


def sdk(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        pytest.skip(f"{name} is not installed")


def entries() -> list[Any]:
    return list(omium.config.store().entries("x"))


class OpenAI:
    """Ways to ask one question with the OpenAI SDK."""

    def __init__(self, provider: Provider) -> None:
        self.sdk = sdk("openai")
        self.client = self.sdk.OpenAI(base_url=provider.url, api_key=KEY)
        self.aclient = self.sdk.AsyncOpenAI(base_url=provider.url, api_key=KEY)
        self.failure = self.sdk.APIError

    def ask(self, question: str = "why?") -> str:
        talk = [{"role": "user", "content": question}]
        answer = self.client.chat.completions.create(model="gpt-4o-mini", messages=talk)
        return str(answer.choices[0].message.content)

    async def aask(self, question: str = "why?") -> str:
        talk = [{"role": "user", "content": question}]
        answer = await self.aclient.chat.completions.create(model="gpt-4o-mini", messages=talk)
        return str(answer.choices[0].message.content)

    def stream(self) -> str:
        more: Any = {"stream": True, "stream_options": {"include_usage": True}}
        chunks = self.client.chat.completions.create(model="gpt-4o-mini", messages=[], **more)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

    async def astream(self) -> str:
        more: Any = {"stream": True, "stream_options": {"include_usage": True}}
        chunks = await self.aclient.chat.completions.create(model="gpt-4o-mini", messages=[], **more)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])


class Responses(OpenAI):
    """The same over the responses interface."""

    def ask(self, question: str = "why?") -> str:
        return str(self.client.responses.create(model="gpt-4o-mini", input=question).output_text)

    async def aask(self, question: str = "why?") -> str:
        return str((await self.aclient.responses.create(model="gpt-4o-mini", input=question)).output_text)

    def stream(self) -> str:
        with self.client.responses.stream(model="gpt-4o-mini", input="why?") as events:
            events.until_done()
            return str(events.get_final_response().output_text)

    async def astream(self) -> str:
        async with self.aclient.responses.stream(model="gpt-4o-mini", input="why?") as events:
            return str((await events.get_final_response()).output_text)


class Anthropic:
    """The Anthropic SDK."""

    def __init__(self, provider: Provider) -> None:
        self.sdk = sdk("anthropic")
        self.client = self.sdk.Anthropic(base_url=provider.root, api_key=KEY)
        self.aclient = self.sdk.AsyncAnthropic(base_url=provider.root, api_key=KEY)
        self.failure = self.sdk.APIError

    def _body(self, question: str = "why?") -> Any:
        talk = [{"role": "user", "content": question}]
        return {"model": "claude-haiku-4-5", "max_tokens": 99, "messages": talk}

    def ask(self, question: str = "why?") -> str:
        return str(self.client.messages.create(**self._body(question)).content[0].text)

    async def aask(self, question: str = "why?") -> str:
        return str((await self.aclient.messages.create(**self._body(question))).content[0].text)

    def stream(self) -> str:
        with self.client.messages.stream(**self._body()) as stream:
            return "".join(stream.text_stream)

    async def astream(self) -> str:
        async with self.aclient.messages.stream(**self._body()) as stream:
            return "".join([text async for text in stream.text_stream])


class Gemini:
    """The Google SDK."""

    def __init__(self, provider: Provider) -> None:
        genai = sdk("google.genai")
        retries = genai.types.HttpRetryOptions(attempts=3)
        # Where aiohttp is installed, too, its async calls would go over that.
        httpx = importlib.import_module("httpx")
        options = genai.types.HttpOptions(
            base_url=provider.root, retry_options=retries, httpx_async_client=httpx.AsyncClient()
        )
        self.client = genai.Client(api_key=KEY, http_options=options)
        self.failure = genai.errors.APIError

    def ask(self, question: str = "why?") -> str:
        return str(self.client.models.generate_content(model="gemini-2.5-flash", contents=question).text)

    async def aask(self, question: str = "why?") -> str:
        return str((await self.client.aio.models.generate_content(model="gemini-2.5-flash", contents=question)).text)

    def stream(self) -> str:
        chunks = self.client.models.generate_content_stream(model="gemini-2.5-flash", contents="why?")
        return "".join(chunk.text for chunk in chunks)

    async def astream(self) -> str:
        chunks = await self.client.aio.models.generate_content_stream(model="gemini-2.5-flash", contents="why?")
        return "".join([chunk.text async for chunk in chunks])


@pytest.fixture(params=[OpenAI, Responses, Anthropic, Gemini])
def client(request: pytest.FixtureRequest, provider: Provider) -> Any:
    return request.param(provider)


@pytest.mark.parametrize("stream", [False, True])
def test_recorded_and_replayed(provider: Provider, client: Any, stream: bool) -> None:
    for mode in ("live", "replay"):
        with omium.execution("x", mode=mode):
            assert (client.stream() if stream else client.ask()) == "well said indeed"
    assert provider.hits == 1
    (entry,) = entries()
    assert (entry.status, entry.usage["input_tokens"], entry.usage["output_tokens"]) == ("done", 100, 20)
    assert entry.usage["cost_nano_usd"] > 0


@pytest.mark.parametrize("stream", [False, True])
async def test_recorded_and_replayed_async(provider: Provider, client: Any, stream: bool) -> None:
    for mode in ("live", "replay"):
        async with omium.execution("x", mode=mode):
            calls = [client.astream() if stream else client.aask() for _ in range(3)]
            assert await asyncio.gather(*calls) == ["well said indeed"] * 3
    assert provider.hits == 3
    assert [entry.status for entry in entries()] == ["done"] * 3


def test_their_retries_take_one_place(provider: Provider, client: Any) -> None:
    provider.troubles.extend(["429", "503"])
    for _ in range(2):
        with omium.execution("x"):
            assert client.ask() == "well said indeed"
    assert provider.hits == 3
    assert [entry.status for entry in entries()] == ["failed", "failed", "done"]
    before = time.monotonic()
    with omium.execution("x", mode="replay"):
        client.ask()
    assert time.monotonic() - before < 0.4, "a replay waits for nobody"


def test_a_failure_they_gave_up_on(provider: Provider, client: Any) -> None:
    provider.troubles.extend(["500"] * 3)

    def program() -> str:
        with omium.execution("x"):
            try:
                return str(client.ask())
            except client.failure as error:
                return f"{type(error).__name__}, so {client.ask('another question')}"

    first = program()
    assert first.endswith(", so well said indeed")
    assert provider.hits == 4
    before = time.monotonic()
    assert program() == first
    assert provider.hits == 4
    assert time.monotonic() - before < 8


@pytest.mark.parametrize("how", ["ask", "stream"])
def test_a_divergence_gets_out_at_once(provider: Provider, client: Any, how: str) -> None:
    """As itself, not as a connection error after three tries."""
    with omium.execution("x"):
        client.ask("something else")
    before = time.monotonic()
    with pytest.raises(omium.Divergence), omium.execution("x", mode="replay"):
        getattr(client, how)()
    assert time.monotonic() - before < 0.5
    assert provider.hits == 1


async def test_a_divergence_gets_out_of_async_code(provider: Provider, client: Any) -> None:
    async with omium.execution("x"):
        await client.aask("something else")
    with pytest.raises(omium.Divergence):
        async with omium.execution("x", mode="replay"):
            await asyncio.gather(client.aask(), client.astream())
    assert provider.hits == 1


def test_a_spent_budget_gets_out_at_once(provider: Provider, client: Any) -> None:
    def program() -> None:
        with omium.execution("x", budget_tokens=100):
            client.ask()
            before = time.monotonic()
            with pytest.raises(omium.BudgetExceeded) as caught:
                client.ask("another")
            assert time.monotonic() - before < 0.4
            assert type(caught.value).__name__ == "BudgetExceeded"

    with pytest.raises(omium.BudgetExceeded):
        program()
    assert provider.hits == 1


def test_their_keys_are_not_kept(provider: Provider, client: Any, store: Any) -> None:
    provider.troubles.append("echo")
    with omium.execution("x"):
        try:
            client.ask()
        except client.failure:
            client.stream()
    assert KEY in str(provider.heads)
    kept = b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())
    values = [value for entry in entries() for value in (entry.value, entry.input, entry.meta) if value is not None]
    kept += b"".join(value.read() for value in values) + str([entry.error for entry in entries()]).encode()
    assert KEY.encode() not in kept
