"""Whoever waits, for a person or for an execution that another runs, ends the kickoff and nothing less."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from crewai import Crew
from crewai.tools import tool
from fake import journal
from test_errors import FLAGS, WAYS, crew_with, in_time  # noqa: F401

import omium
from omium.exceptions import LeaseHeld, Waiting


@tool("approve")
def approve(query: str) -> str:
    """Asks a person."""
    return f"the person says {omium.ask('May I?')}"


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_question_in_a_tool_is_asked_answered_and_gone_on_from(
    way: Callable[[Crew], Any], flags: tuple[bool, ...]
) -> None:
    for _ in range(2):
        with pytest.raises(Waiting), omium.execution("x"):
            way(crew_with([approve], flags=flags))
        assert omium.get("x").status == "waiting"
    assert [each.text for each in omium.get("x").questions()] == ["May I?"]
    omium.answer("x", "yes")
    with omium.execution("x"):
        way(crew_with([approve], flags=flags))
    assert journal.lines("llm").total() == 2
    assert [each.value for each in omium.get("x").checkpoints() if each.name == "approve"] == ["the person says yes"]


@contextmanager
def held_by_another(id: str) -> Iterator[None]:
    code = f"import omium, sys\nwith omium.execution({id!r}): print('held', flush=True); sys.stdin.read()"
    store = str(omium.config.settings().store)
    code = code.replace("\n", f"\nomium.init(store={store!r})\n", 1)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        yield
        other.stdin.close()


@tool("inner")
def inner(query: str) -> str:
    """Works in another execution."""
    with omium.execution("other"):
        return "done"


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_execution_that_somebody_else_runs_is_not_told_to_the_model(
    way: Callable[[Crew], Any], flags: tuple[bool, ...]
) -> None:
    with held_by_another("other"), pytest.raises(LeaseHeld), omium.execution("x"):
        way(crew_with([inner], flags=flags))
    assert journal.lines("llm").total() == 1
    with omium.execution("x"):
        way(crew_with([inner], flags=flags))
    assert journal.lines("llm").total() == 2
