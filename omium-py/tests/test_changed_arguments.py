"""A step or effect that changes its arguments in place resumes wrongly: it is seen when it happens."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import looks_samples as s
import pytest

import omium
from omium import ArgumentsChanged, InvalidInput, PostconditionFailed

VERBS = [omium.step, omium.effect, omium.checkpoint("say")]


def reacting(how: Any) -> None:
    omium.init(store=omium.config.settings().store, changed_arguments=how)


def said(verb: Any) -> Any:
    @verb
    def say(history: list[str], text: str) -> None:
        history.append(text)

    return say


def asaid(verb: Any) -> Any:
    @verb
    async def say(history: list[str], text: str) -> None:
        history.append(text)

    return say


def call(made: Any, *given: Any, id: str = "x") -> Any:
    async def program() -> Any:
        async with omium.execution(id):
            return await made(*given)

    if asyncio.iscoroutinefunction(made):
        return asyncio.run(program())
    with omium.execution(id):
        return made(*given)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("make", [said, asaid])
def test_it_is_warned_of_by_default_and_says_what_and_where(verb: Any, make: Any) -> None:
    with pytest.warns(ArgumentsChanged) as caught:
        call(make(verb), ["a"], "b")
    (warning,) = caught
    assert "its argument history changed in place while it ran" in str(warning.message)
    assert "+ history[1]: 'b'" in str(warning.message)
    assert "return what is new instead, or change a copy" in str(warning.message)
    if make is said:
        assert warning.filename == __file__


@pytest.mark.parametrize("make", [said, asaid])
def test_as_an_error_the_step_fails_before_its_result_counts(make: Any, ran: Counter[str]) -> None:
    reacting("error")

    def verb(body: Any) -> Any:
        return omium.step(retries=3)(body)

    for _ in range(2):
        with pytest.raises(PostconditionFailed, match=r"say: its argument history changed in place") as caught:
            call(make(verb), ["a"], "b")
        assert (caught.value.step, caught.value.condition) == (caught.value.step, "arguments unchanged")
        assert caught.value.path == "history"
    entries = omium.config.store().entries("x")
    assert [(each.status, each.attempts) for each in entries if each.kind == "step"] == [("failed", 1), ("failed", 1)]


@pytest.mark.parametrize("make", [said, asaid])
def test_as_an_error_an_effect_has_happened_all_the_same(make: Any) -> None:
    reacting("error")
    receipts: list[Any] = []

    def verb(body: Any) -> Any:
        return omium.effect(undo=lambda receipt: receipts.append(receipt))(body)

    for _ in range(2):
        with pytest.raises(PostconditionFailed, match="argument history changed in place"):
            call(make(verb), ["a"], "b")
    assert [each.state for each in omium.get("x").effects()] == ["done"]


def test_where_warnings_are_errors_it_is_one() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for verb in (omium.step, omium.effect):
            with pytest.raises(PostconditionFailed):
                call(said(verb), ["a"], "b", id=verb.__name__)
    assert [each.state for each in omium.get("effect").effects()] == ["done"]


def test_it_may_be_ignored_and_nothing_else_is() -> None:
    reacting("ignore")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call(said(omium.step), [], "b")
    with pytest.raises(InvalidInput, match="one of warn, error, ignore, not 'never'"):
        reacting("never")


def test_what_is_not_changed_is_not_warned_of() -> None:
    @omium.step
    def work(items: list[int], agent: s.Agent, cls: type, text: str, default: list[int] = []) -> int:  # noqa: B006
        default.append(1)
        items.append(items.pop())
        assert agent.prompt
        return len(items)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with omium.execution("x"):
            assert work([1, 2], s.Agent("a"), int, "text") == 2


def test_objects_that_change_themselves_are_seen() -> None:
    class Bot:
        def __init__(self) -> None:
            self.asked = 0

        @omium.step
        def ask(self, question: str) -> str:
            self.asked += 1
            return question

    with pytest.warns(
        ArgumentsChanged, match=r"its argument self changed in place while it ran(.|\n)*self\.asked: differs"
    ):
        call(Bot().ask, "who?")


def test_what_does_not_count_is_not_looked_at() -> None:
    @omium.step(key="text")
    def say(text: str, history: list[str]) -> None:
        history.append(text)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call(say, "a", [])


@pytest.mark.parametrize("verb", [omium.step, omium.effect])
def test_a_failure_that_counts_is_told_with_it(verb: Any) -> None:
    @verb(retries=omium.Retry(1, first=0.001))
    def say(history: list[str]) -> None:
        history.append("a")
        raise LookupError("gone")

    for how in ("warn", "error"):
        reacting(how)
        with pytest.warns(ArgumentsChanged) as caught, pytest.raises(LookupError):
            call(say, [], id=how)
        assert len(caught) == 1


def test_no_secret_gets_into_the_warning() -> None:
    with pytest.warns(ArgumentsChanged) as caught:
        call(said(omium.step), [], "sk-abcdefghijklmnop1234")
    assert "sk-abcdefghijklmnop" not in str(caught[0].message)


PROGRAM = """
import os, sys, omium

@omium.step
def say(history, text):
    history.append(text)

@omium.step
def other():
    if "DIE" in os.environ:
        os.kill(os.getpid(), 9)
    return 1

@omium.workflow
def chat():
    history = []
    say(history, "a")
    other()
    return len(history)

if __name__ == "__main__":
    print(chat.options(id="chat").start().result())
"""


def test_a_killed_program_has_told_before_it_died(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path, env={**os.environ, "DIE": "1"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == -9
    assert "program.py:17: ArgumentsChanged: say: its argument history changed in place" in done.stderr
