"""What a failure says that leaves omium: where it is on record, what to do, and no frames that do not help."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import omium
from omium import Divergence, ExecutionNotFound, InDoubt, InvalidInput, NotFinished

PACKAGE = str(Path(omium.__file__).parent)
trims = pytest.mark.skipif(sys.version_info < (3, 11), reason="the interpreter puts the frames back")


def met(function: Callable[..., Any], *args: Any) -> BaseException:
    try:
        function(*args)
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))


def ours(error: BaseException) -> list[str]:
    """The frames of omium that a reader is shown."""
    return [each.name for each in traceback.extract_tb(error.__traceback__) if each.filename.startswith(PACKAGE)]


@omium.step
def say(text: str) -> str:
    if text == "fail":
        raise ValueError("no such text")
    return text


@omium.workflow
def chat(text: str) -> str:
    return say(text)


@omium.workflow
async def achat(text: str) -> str:
    return say(text)


def block(text: str) -> None:
    with omium.execution("x"):
        say(text)


def ablock(text: str) -> None:
    async def within() -> None:
        async with omium.execution("x"):
            say(text)

    asyncio.run(within())


RUNS = {
    "block": block,
    "async block": ablock,
    "start": lambda text: chat.options(id="x").start(text),
    "call": lambda text: chat.options(id="x")(text),
    "async start": lambda text: asyncio.run(achat.options(id="x").start(text)),
    "resume": lambda text: (met(chat.options(id="x").start, text), omium.get("x").resume()),
}


@trims
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_failure_of_the_program_says_where_it_is_on_record(run: Callable[[str], Any]) -> None:
    error = met(run, "fail")
    assert type(error) is ValueError
    (at, hint) = notes(error)
    assert at in ("at x@1", "at x@2")
    assert hint == "hint: omium why x says what it came from; the same program again goes on from there"
    assert ours(error) == []
    frames = [each.name for each in traceback.extract_tb(error.__traceback__)]
    assert frames[0] == "met"
    assert frames[-1] == "say", "the frames of the program are all there"


@trims
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_an_error_of_omium_s_own_says_what_to_do(run: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    @omium.effect(in_doubt="fail")
    def pay() -> None:
        raise KeyboardInterrupt

    @omium.step
    def other() -> None: ...

    monkeypatch.setitem(globals(), "say", lambda text: pay())
    with pytest.raises(KeyboardInterrupt):
        RUNS["start"]("a") if run is RUNS["resume"] else run("a")
    resume = omium.get("x").resume if run is RUNS["resume"] else partial(run, "a")
    error = met(resume)
    assert type(error) is InDoubt
    doubt = "find out whether it happened: omium answer x RECEIPT, or omium answer x --did-not-happen"
    assert notes(error) == ["at x@1", f"hint: {doubt}"]
    assert ours(error) == []
    monkeypatch.setitem(globals(), "say", lambda text: other())
    error = met(resume)
    assert type(error) is Divergence
    gone = "bring back the code that made the record, or roll back to before that entry"
    assert notes(error) == ["at x@1", f"hint: {gone}"]
    assert ours(error) == []


@trims
def test_each_is_noted_once_and_with_the_id_as_a_shell_takes_it() -> None:
    error = met(omium.get, "no such")
    assert type(error) is ExecutionNotFound
    assert notes(error) == ["hint: omium ls lists the executions"]

    @omium.workflow
    def stops() -> None:
        raise KeyboardInterrupt

    met(stops.options(id="it's").start)
    error = met(omium.get("it's").result)
    assert type(error) is NotFinished
    assert notes(error) == ["hint: omium resume 'it'\"'\"'s' continues it"]
    assert ours(error) == []

    def twice() -> None:
        with omium.execution("out"), omium.execution("x"):
            say("fail")

    error = met(twice)
    assert [each for each in notes(error) if each.startswith("at ")] == ["at x@1"]


def test_a_fault_of_omium_s_own_keeps_its_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    from omium.runtime import _place

    monkeypatch.setattr(_place, "strand", partial(json.loads, {}))
    error = met(block, "a")
    assert ours(error)[-1] == "__init__"
    assert notes(error) == []
    code = compile("def fault(*_): return {}['gone']", f"{PACKAGE}/made_up.py", "exec")
    names: dict[str, Any] = {}
    exec(code, names)
    monkeypatch.setattr(_place, "strand", names["fault"])
    assert ours(met(block, "a"))[-2:] == ["__init__", "fault"]


@trims
def test_what_a_failure_came_from_is_trimmed_too() -> None:
    def program() -> None:
        with omium.execution("x"):
            try:
                say("fail")
            except ValueError as error:
                raise LookupError("so") from error

    error = met(program)
    assert error.__cause__ is not None
    assert ours(error.__cause__) == []


class Chat:
    """The ways to use the id of a finished execution again."""

    @staticmethod
    def block() -> BaseException:
        block("one")
        return met(block, "two")

    @staticmethod
    def arguments() -> BaseException:
        chat.options(id="x").start("one")
        return met(chat.options(id="x").start, "two")

    @staticmethod
    def asynchronous() -> BaseException:
        asyncio.run(achat.options(id="x").start("one"))
        return met(RUNS["async start"], "two")

    @staticmethod
    def workflow() -> BaseException:
        chat.options(id="x").start("one")
        return met(RUNS["async start"], "one")

    @staticmethod
    def cancelled() -> BaseException:
        def stop() -> None:
            with omium.execution("x"):
                say("one")
                raise KeyboardInterrupt

        met(stop)
        omium.config.store().cancel("x")
        return met(block, "two")


@pytest.mark.parametrize("way", ["block", "arguments", "asynchronous", "workflow", "cancelled"])
def test_an_id_that_is_finished_is_not_for_other_work(way: str) -> None:
    error = getattr(Chat, way)()
    assert type(error) is (InvalidInput if way == "workflow" else Divergence)
    told = "was cancelled" if way == "cancelled" else "completed"
    when = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.match(rf"execution 'x' is finished: it {told} at {when}, use another id for other work", str(error))
    if way != "workflow":
        assert notes(error)[-1] == "hint: give this work an id of its own; omium show x says what is under this one"
        assert ("'one' → 'two'" in str(error)) is (way != "cancelled" or "other inputs" in str(error))


def test_a_replay_of_a_finished_execution_is_told_as_ever() -> None:
    block("one")

    def replay() -> None:
        with omium.execution("x", mode="replay"):
            say("two")

    assert str(met(replay)).startswith("x@1 recorded say with other inputs")
