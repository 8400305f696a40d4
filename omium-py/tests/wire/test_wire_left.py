"""A stream whose reader does something else: what was handed on is on record before the next thing is."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import openai
import pytest
from wire_provider import Provider

import omium

WORDS = [f"word{n} " for n in range(12)]


def body(question: str) -> dict[str, Any]:
    stream = {"stream": True, "stream_options": {"include_usage": True}}
    return {"model": "m", "messages": [{"role": "user", "content": question}], **stream}


def entries(id: str = "x") -> list[tuple[str, str]]:
    return [(each.kind, each.status) for each in omium.config.store().entries(id) if each.kind != "note"]


class Case:
    """A program that asks, does something on the strength of the first chunks, and dies where it is told to."""

    def __init__(self, provider: Provider, library: Any, path: Path) -> None:
        self.provider = provider
        self.library = library
        self.path = path
        self.dies: str | None = None
        self.how: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGKILL)
        path.touch()

        @omium.step
        def note(text: str) -> str:
            self.did(f"note {text}")
            return text

        @omium.effect
        def pay(text: str) -> str:
            self.did(f"pay {text}")
            return "paid " + text

        self.note, self.pay = note, pay

    def did(self, what: str) -> None:
        with self.path.open("a") as file:
            file.write(what.replace("\n", "|") + "\n")

    @property
    def done(self) -> list[str]:
        return self.path.read_text().splitlines()

    def at(self, place: str) -> None:
        if self.dies == place:
            self.how()

    def send(self, question: str, client: Any = None) -> Any:
        client = client or self.library.Client(timeout=20)
        request = client.build_request("POST", self.provider.url + "/chat/completions", json=body(question))
        return client.send(request, stream=True)

    def killed(self, program: Callable[[], Any], at: str) -> None:
        self.dies = at
        child = os.fork()
        if child == 0:
            try:
                program()
            finally:
                os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        self.dies = None
        # Asked again, the model would say something else.
        self.provider.answer = "something else altogether now"


@pytest.fixture
def case(provider: Provider, library: Any, tmp_path: Path) -> Case:
    provider.answer = "".join(WORDS)
    return Case(provider, library, tmp_path / "done")


@pytest.mark.parametrize("verb", ["note", "pay"])
@pytest.mark.parametrize("leaves", ["open", "closed after", "garbage"])
def test_a_reader_that_stops_and_goes_on(case: Case, verb: str, leaves: str) -> None:
    def program() -> list[str]:
        with omium.execution("x"):
            response = case.send("why?")
            chunks = response.iter_text()
            seen = next(chunks) + next(chunks)
            if leaves == "garbage":
                del chunks, response
            first = getattr(case, verb)(seen)
            if leaves == "closed after":
                response.close()
            second = case.note("then")
            case.at("end")
            return [seen, first, second]

    case.killed(program, "end")
    before = case.done
    assert len(before) == 2
    assert next(kind for kind, _ in entries()) == "llm", "what was handed on is recorded first"
    seen, *_ = program()
    assert case.done == before, "something ran twice"
    assert case.provider.hits == 1
    assert program()[0] == seen
    assert omium.get("x").status == "completed"
    if leaves != "garbage":
        assert [each.type for each in omium.get("x").failures()] == ["crash"], "that it was read in part is no failure"


async def test_an_async_reader_that_stops(case: Case) -> None:
    async def program() -> str:
        async with omium.execution("x"):
            client = case.library.AsyncClient(timeout=20)
            response = await case.send("why?", client)
            chunks = response.aiter_text()
            seen = await anext(chunks) + await anext(chunks)
            case.note(seen)
            await asyncio.create_task(beside("in a task"))
            case.at("end")
            return seen

    async def beside(text: str) -> None:
        case.note(text)

    await asyncio.to_thread(case.killed, lambda: asyncio.run(program()), "end")
    before = case.done
    assert len(before) == 2
    seen = await program()
    assert (case.done, case.provider.hits) == (before, 1)
    assert await program() == seen


async def test_a_task_that_was_begun_while_it_was_open_goes_first_too(case: Case) -> None:
    """It may have been handed the chunks."""

    async def program() -> None:
        async with omium.execution("x"):
            response = await case.send("why?", case.library.AsyncClient(timeout=20))
            seen = await anext(response.aiter_text())
            await asyncio.create_task(tell(seen))
            case.at("end")

    async def tell(text: str) -> None:
        case.note(text)

    await asyncio.to_thread(case.killed, lambda: asyncio.run(program()), "end")
    assert entries() == [("llm", "failed"), ("step", "done")]
    await program()
    assert (len(case.done), case.provider.hits) == (1, 1)


def test_several_open_streams(case: Case) -> None:
    def program() -> list[str]:
        with omium.execution("x"):
            readers = [case.send(question).iter_text() for question in ("one?", "two?", "three?")]
            seen = [next(each) for each in readers]
            case.note(" ".join(seen))
            seen += [next(readers[2]), next(readers[0])]
            case.pay(" ".join(seen))
            seen += list(readers[1])
            case.note("then")
            case.at("end")
            return seen

    case.killed(program, "end")
    before = case.done
    assert [kind for kind, _ in entries()[:4]] == ["llm", "llm", "llm", "step"]
    seen = program()
    assert (case.done, case.provider.hits) == (before, 3)
    assert "".join(seen).count("[DONE]") == 1
    assert program() == seen


def test_a_reader_that_does_something_for_every_chunk(case: Case) -> None:
    """The whole answer is recorded in the end, and counted once."""

    def program() -> list[str]:
        with omium.execution("x"):
            seen = [case.note(chunk) for chunk in case.send("why?").iter_text()]
            case.at("end")
            return seen

    case.killed(program, "end")
    before = case.done
    assert len(before) > 5
    log = entries()
    assert log.count(("llm", "done")) == 1
    assert log.index(("llm", "failed")) == 0
    last = log.index(("llm", "done"))
    for earlier, later in pairwise(log[:last]):
        assert (earlier, later) != (("step", "done"), ("step", "done")), "a chunk was acted upon that is not on record"
    seen = program()
    assert program() == seen
    assert (case.done, case.provider.hits) == (before, 1)
    used: dict[str, int] = {}
    for each in omium.config.store().entries("x"):
        for name, count in each.usage.items():
            used[name] = used.get(name, 0) + count
    assert (used["input_tokens"], used["output_tokens"]) == (100, 20)
    assert [each.type for each in omium.get("x").failures()] == ["crash"]
    with omium.execution("x", mode="replay"):
        assert [case.note(chunk) for chunk in case.send("why?").iter_text()] == seen


def test_killed_in_the_middle_of_reading_what_was_handed_on_is_not_asked_again(case: Case) -> None:
    def program() -> list[str]:
        with omium.execution("x"):
            seen = []
            for chunk in case.send("why?").iter_text():
                seen.append(case.pay(chunk))
                if len(seen) == 3:
                    case.at("middle")
            return seen

    case.killed(program, "middle")
    before = case.done
    assert len(before) == 3
    # The beginning is answered. The rest was lost, and another answer would not go with what was done for this one.
    for _ in range(2):
        with pytest.raises(case.library.ReadError, match="roll back to an entry before this one to ask anew"):
            program()
        assert (case.done, case.provider.hits) == (before, 1)
    omium.get("x").rollback(0, abandon_effects=True)
    assert len(program()) > 3
    assert case.provider.hits == 2
    assert omium.get("x").status == "completed"


def test_in_a_step_that_is_tried_again_it_is_asked_anew(case: Case) -> None:
    @omium.step(retries=1)
    def read() -> int:
        count = 0
        for chunk in case.send("why?").iter_text():
            case.note(chunk)
            count += 1
            if count == 3:
                case.at("middle")
        return count

    def program() -> int:
        with omium.execution("x"):
            return read()

    case.killed(program, "middle")
    assert program() > 3
    assert case.provider.hits == 2
    assert program() > 3
    assert case.provider.hits == 2


def test_what_ctrl_c_leaves_open_is_not_asked_again_either(case: Case) -> None:
    def program() -> str:
        with omium.execution("x"):
            response = case.send("why?")
            chunks = response.iter_text()
            seen = next(chunks)
            case.note(seen)
            seen += next(chunks)
            case.at("end")
            return seen

    def interrupt() -> None:
        raise KeyboardInterrupt

    case.dies, case.how = "end", interrupt
    with pytest.raises(KeyboardInterrupt):
        program()
    case.dies, case.provider.answer = None, "something else altogether now"
    assert entries() == [("llm", "failed"), ("step", "done"), ("llm", "failed")]
    seen = program()
    assert (len(case.done), case.provider.hits) == (1, 1)
    assert seen.count("data:") == 2


def test_nothing_is_recorded_where_nothing_was_handed_on_or_nobody_does_anything(case: Case) -> None:
    with omium.execution("x"):
        response = case.send("why?")
        case.note("before the first chunk")
        list(response.iter_text())
    assert entries() == [("step", "done"), ("llm", "done")]


def test_the_stream_of_an_sdk(case: Case, library: Any) -> None:
    if library.__name__ == "httpx2":
        pytest.skip("openai asks over httpx")

    def program() -> str:
        client = openai.OpenAI(base_url=case.provider.url, api_key="k", max_retries=0)
        with omium.execution("x"):
            stream = client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "why?"}], stream=True
            )
            for chunk in stream:
                text = str(chunk.choices[0].delta.content)
                if text.strip():
                    break
            case.note(text)
            case.at("end")
            return text

    case.killed(program, "end")
    text = program()
    assert (case.done, case.provider.hits) == ([f"note {text}"], 1)
