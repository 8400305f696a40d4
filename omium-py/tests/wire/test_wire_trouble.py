"""Providers that refuse, fail or talk nonsense: attempts are kept, and answer nobody in place of an answer."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from wire_provider import Provider

import omium


def entries(id: str = "x") -> list[Any]:
    return list(omium.config.store().entries(id))


def statuses() -> list[str]:
    return [entry.status for entry in entries()]


@omium.step
def note(text: str) -> str:
    return text


def answered(ask: Any, question: str, tries: int = 3) -> str:
    """As an SDK does it: the same request again after what may pass."""
    for _ in range(tries):
        response = ask(question)
        if response.is_success:
            return str(response.headers["x-request-id"])
        time.sleep(0 if "retry-after-ms" in response.headers else 0.01)
    raise RuntimeError(f"HTTP {response.status_code} {tries} times")


@pytest.mark.parametrize("trouble", ["429", "500", "503"])
def test_attempts_are_stored_and_not_replayed(provider: Provider, ask: Any, trouble: str) -> None:
    provider.troubles.extend([trouble, trouble])

    def program(mode: Any = "live") -> list[Any]:
        with omium.execution("x", mode=mode):
            asked = [ask("why?")]
            while not asked[-1].is_success:
                asked.append(ask("why?"))
            return [note("before"), *(response.status_code for response in asked), note("after")]

    assert program() == ["before", int(trouble), int(trouble), 200, "after"]
    assert [entry.occurrence for entry in entries()[:3]] == [0, 0, 0]
    assert entries()[0].error == f"HTTPStatusError: {trouble} trouble {trouble}"
    assert program() == ["before", 200, "after"]
    assert program("replay") == ["before", 200, "after"]
    assert provider.hits == 3


def test_killed_between_two_tries(provider: Provider, ask: Any) -> None:
    provider.troubles.extend(["429", "429"])

    def program(tries: int) -> str:
        with omium.execution("x"):
            first = ask("one").headers["x-request-id"]
            for _ in range(tries):
                if ask("two").is_success:
                    return f"{first} and two"
            raise KeyboardInterrupt

    provider.troubles.appendleft("")
    with pytest.raises(KeyboardInterrupt):
        program(2)
    assert statuses() == ["done", "failed", "failed"]
    assert program(1) == "req-1 and two"
    assert provider.hits == 4
    assert program(1) == "req-1 and two"
    assert provider.hits == 4


def test_a_failure_the_program_went_on_from_stays_one(provider: Provider, ask: Any) -> None:
    """It fell back to another model: asked again, the first might answer now, and nothing after would fit."""
    provider.troubles.extend(["500", "500", "500"])

    def program(stop: bool = False) -> str:
        with omium.execution("x"):
            try:
                said = answered(ask, "why?")
            except RuntimeError as error:
                said = f"{error}, then {ask('why?', model='gpt-4o').headers['x-request-id']}"
            if stop:
                raise KeyboardInterrupt
            return said

    with pytest.raises(KeyboardInterrupt):
        program(stop=True)
    assert program() == "HTTP 500 3 times, then req-4"
    assert program() == "HTTP 500 3 times, then req-4"
    assert provider.hits == 4


def test_a_failure_that_ended_the_run_is_tried_again(provider: Provider, ask: Any) -> None:
    provider.troubles.extend(["500", "500", "500"])

    def program() -> str:
        with omium.execution("x"):
            return answered(ask, "why?")

    with pytest.raises(RuntimeError):
        program()
    assert omium.get("x").status == "failed"
    assert program() == "req-4"


async def test_it_is_tried_again_although_others_went_on(provider: Provider, library: Any) -> None:
    """The client's error is made of the response: so the run knows which entry ended it."""
    provider.troubles.extend(["", "500"])

    async def call(client: Any, n: int) -> str:
        await asyncio.sleep(0.05 * n)
        response = await client.post("/chat/completions", json={"model": "m", "messages": [{"n": n}]})
        response.raise_for_status()
        return str(response.headers["x-request-id"])

    async def program() -> list[str]:
        async with omium.execution("x"), library.AsyncClient(base_url=provider.url) as client:
            results = await asyncio.gather(*(call(client, n) for n in range(4)), return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result
            return results

    with pytest.raises(library.HTTPStatusError):
        await program()
    assert sorted(statuses()[:4]) == ["done", "done", "done", "failed"]
    assert await program() == ["req-1", "req-5", "req-3", "req-4"]


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        ("garbage", "IncompleteAnswer: the answer is no JSON"),
        ("nothing", "IncompleteAnswer: the answer is empty"),
        ("{}", "IncompleteAnswer: the answer has none of choices"),
        ("drop", "RemoteProtocolError: Server disconnected without sending a response."),
    ],
)
def test_nonsense_is_no_answer(provider: Provider, ask: Any, library: Any, trouble: str, error: str) -> None:
    provider.troubles.append(trouble)

    def program() -> str:
        with omium.execution("x"):
            while True:
                try:
                    return str(ask("why?").json()["choices"][0]["message"]["content"])
                except (ValueError, KeyError, library.TransportError):
                    continue

    assert program() == "well said indeed"
    assert statuses() == ["failed", "done"]
    assert entries()[0].error == error
    assert program() == "well said indeed"
    assert provider.hits == 2


def test_no_server_at_all(library: Any) -> None:
    """What the client raised is raised again, as the same class, where the program went on from it."""

    def program() -> str:
        with omium.execution("x"):
            try:
                library.post("http://127.0.0.1:9/v1/chat/completions", json={"model": "m", "messages": []})
            except library.ConnectError as error:
                return note(f"{type(error).__name__} {error.request.url.path}")
            raise AssertionError

    assert program() == "ConnectError /v1/chat/completions"
    assert program() == "ConnectError /v1/chat/completions"
    assert statuses() == ["failed", "done"]


async def test_attempts_of_calls_at_once(provider: Provider, library: Any) -> None:
    provider.troubles.extend(["429", "", "500", "", "garbage", ""])

    async def call(client: Any, n: int) -> str:
        for _ in range(5):
            response = await client.post("/chat/completions", json={"model": "m", "messages": [{"n": n % 2}]})
            if response.is_success and response.headers["content-type"] == "application/json":
                return str(response.headers["x-request-id"])
        raise AssertionError

    async def program(mode: Any = "live") -> list[str]:
        async with omium.execution("x", mode=mode), library.AsyncClient(base_url=provider.url) as client:
            return await asyncio.gather(*(call(client, n) for n in range(6)))

    first = await program()
    assert provider.hits == 9
    assert statuses().count("done") == 6
    assert sorted(await program("replay")) == sorted(first)
    assert provider.hits == 9


async def test_a_cancelled_call_gives_its_place_back(provider: Provider, library: Any) -> None:
    body = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
    provider.pause = 0.2
    async with omium.execution("x"), library.AsyncClient(base_url=provider.url) as client:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.post("/chat/completions", json=body), 0.1)
        provider.pause = 0
        assert (await client.post("/chat/completions", json=body)).is_success
    assert [(entry.status, entry.occurrence) for entry in entries()] == [("failed", 0), ("done", 0)]


@contextmanager
def full_disk() -> Iterator[None]:
    """Nothing this process writes to a file fits any more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("stream", [False, True])
def test_a_store_that_cannot_be_written_ends_the_run(provider: Provider, ask: Any, stream: bool) -> None:
    def program(full: bool = False) -> None:
        with omium.execution("x"):
            ask("one")
            with full_disk() if full else nullcontext():
                ask("two", stream=stream)

    with pytest.raises(omium.StoreUnavailable):
        program(full=True)
    assert statuses() == ["done"]
    program()
    assert statuses() == ["done", "done"]
    assert provider.hits == 3
