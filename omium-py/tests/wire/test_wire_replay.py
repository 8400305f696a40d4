"""A replay asks nobody, and a request the record does not hold is explained."""

from __future__ import annotations

import re
from typing import Any

import pytest
from wire_provider import Provider

import omium
from omium import Divergence

SYSTEM = {"role": "system", "content": "You are a helpful assistant that answers in one short sentence."}


def talk(ask: Any, *questions: Any, mode: Any = "live", **more: Any) -> None:
    messages: list[Any] = [SYSTEM]
    with omium.execution("x", mode=mode):
        for question in questions:
            messages.append({"role": "user", "content": question})
            answer = ask("", messages=messages, **more).json()["choices"][0]["message"]
            messages.append({"role": "assistant", "content": answer["content"]})


def diverges(ask: Any, *questions: Any, **more: Any) -> str:
    with pytest.raises(Divergence) as caught:
        talk(ask, *questions, mode="replay", **more)
    return str(caught.value)


def test_the_difference_is_shown_where_it_is(provider: Provider, ask: Any) -> None:
    talk(ask, "What is durable execution?", "Why does it matter?", "Who needs it?")
    told = diverges(ask, "What is durable execution?", "Why does it cost?", "Who needs it?")
    assert "x@2 chat gpt-4o-mini" in told
    assert re.search(r"body\.messages\[3\]\.content.*matter.*cost", told, re.DOTALL)
    assert "What is durable" not in told, "what is the same is not shown"
    assert provider.hits == 3


def test_of_a_long_text_what_differs_is_shown(provider: Provider, ask: Any) -> None:
    """Where it begins to, and where it ceases to, each with what stands around it."""
    filler = "Read the following with care. " * 200
    talk(ask, f"{filler}It is Monday. {filler}I am Ada. {filler}")
    told = diverges(ask, f"{filler}It is Tuesday. {filler}I am Bob. {filler}")
    assert re.search(r"- ….*It is Monday.*\n.*\+ ….*It is Tuesday.*\n.*- ….*I am Ada.*\n.*\+ ….*I am Bob", told)
    assert len(told) < 1000


def test_the_nearest_request_is_shown_not_the_next(provider: Provider, ask: Any) -> None:
    """Calls of tasks have no order: of those not answered yet, the one that differs least is meant."""
    import contextvars

    def spread(questions: list[str], mode: Any = "live") -> None:
        with omium.execution("x", mode=mode):
            for question in questions:
                contextvars.copy_context().run(ask, question)

    spread(["the weather in Paris", "the price of tea", "the capital of France"])
    with pytest.raises(Divergence) as caught:
        spread(["the weather in Paris", "the capital of Spain"], mode="replay")
    assert "x@3" in str(caught.value)
    assert "France" in str(caught.value)
    assert caught.value.seq == 3
    assert any("Spain" in line for line in caught.value.diff)


def test_a_changed_model_and_a_missing_tool(provider: Provider, ask: Any) -> None:
    tool = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}
    talk(ask, "hi", tools=[tool])
    told = diverges(ask, "hi", model="gpt-4o", tools=[tool])
    assert "the code asks for chat gpt-4o" in told
    assert re.search(r"body\.model.*gpt-4o-mini", told)
    assert "body.tools" in diverges(ask, "hi")


def test_one_call_too_many(provider: Provider, ask: Any) -> None:
    talk(ask, "one")
    told = diverges(ask, "one", "two")
    assert "no model call that was not answered already" in told


def test_also_when_an_execution_goes_on_live(provider: Provider, ask: Any) -> None:
    """What was recorded must not be paid for again because a prompt changed by accident."""

    def program(first: str, stop: bool) -> None:
        with omium.execution("x"):
            ask(first)
            ask("second")
            if stop:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        program("first", stop=True)
    with pytest.raises(Divergence, match=r"first.*other"):
        program("other", stop=False)
    assert provider.hits == 2
    program("first", stop=False)


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("It is 2026-11-21T08:00:01Z. Go.", "It is 2026-11-22T09:10:11Z. Go.", "a date or time"),
        ("Now: 14:05:09, go", "Now: 9:10:00, go", "a date or time"),
        ("t=1763711111.25", "t=1763799999.75", "a date or time"),
        ("Today is Saturday, November 21, 2026.", "Today is Sunday, November 22, 2026.", "a date or time"),
        ("Today is Sat, 21 Nov 2026 08:00 PM", "Today is Tue, 1 Dec 2026 10:00 AM", "a date or time"),
        ("Today: 11/21/2026", "Today: 1/2/2027", "a date or time"),
        ("trace 9f86d081884c7d65 begins", "trace 2c26b46b68ffc68f begins", "a random id"),
        (
            "run 0b3f8f6e-51f4-4d0c-9a43-0d1f4a5a1c11 begins",
            "run 7d444840-9dc0-11d1-b245-5ffdce74fad2 begins",
            "a random id",
        ),
        ("<Tool object at 0x7f2a1c3d4e50>", "<Tool object at 0x7f99aabbccd0>", "the address of an object in memory"),
        (
            "run 0b3f8f6e-51f4-4d0c-9a43-0d1f4a5a1c11 at 10:11",
            "run 7d444840-9dc0-11d1-b245-5ffdce74fad2 at 10:12",
            "a random id and a date or time",
        ),
        ("tools: {'search', 'write', 'read'}", "tools: {'read', 'search', 'write'}", "in another order"),
    ],
)
def test_what_changes_by_itself_is_called_so(provider: Provider, ask: Any, old: str, new: str, hint: str) -> None:
    talk(ask, old)
    told = diverges(ask, new)
    assert "hint: body.messages[1].content" in told
    assert hint in told
    assert "hint:" not in diverges(ask, old + " And more.")


def test_a_replay_needs_no_provider(provider: Provider, ask: Any) -> None:
    talk(ask, "one", "two")
    provider.stop()
    talk(ask, "one", "two", mode="replay")
    with pytest.raises(omium.ExecutionNotFound), omium.execution("y", mode="replay"):
        ask("one")


def test_nothing_runs_after_a_divergence(provider: Provider, ask: Any) -> None:
    @omium.step
    def pay() -> None:
        raise AssertionError

    def program() -> None:
        with omium.execution("x", mode="replay"):
            try:
                ask("two")
            except Exception:
                pay()

    talk(ask, "one")
    with pytest.raises(Divergence):
        program()
