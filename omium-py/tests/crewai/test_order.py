"""A prompt that is another one at a resume is a divergence, where one call follows the other, and nowhere else."""

import json
from collections.abc import Callable
from datetime import datetime, timezone
from importlib import import_module
from typing import Any

import crewai
import pytest
from crewai import Crew
from crewai.tools import tool
from fake import FakeLLM, call_of, fake, journal, make_tool
from scenarios import agent, task
from test_errors import FLAGS, WAYS, Killed, by_kickoff, by_stream

import omium
from omium import codec
from omium.exceptions import Divergence


class Mortal(FakeLLM):
    """Ends the run at its n-th call."""

    dies_at: int = 0
    calls: int = 0

    def answer(self, said: Any, tools: Any, response_model: Any) -> Any:
        self.calls += 1
        if self.calls == self.dies_at:
            raise Killed
        return super().answer(said, tools, response_model)


def timed(clock: str, *, dies_at: int = 0, flags: tuple[bool, ...] = (False,)) -> Crew:
    """Its prompts hold the time, which no task is identified by."""
    templates = {"system_template": f"It is {clock}. {{{{ .System }}}}", "prompt_template": "{{ .Prompt }}"}
    worker = agent(
        "worker", Mortal(model="mortal", dies_at=dies_at), [make_tool("search"), make_tool("read")], **templates
    )
    return Crew(agents=[worker], tasks=[task(n, worker, async_execution=flag) for n, flag in enumerate(flags)])


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_prompt_with_the_time_in_it_stops_the_resume_before_a_call(
    way: Callable[[Crew], Any], flags: tuple[bool, ...]
) -> None:
    # A streaming kickoff keeps in its thread what is no Exception; its record is that of a plain one.
    with pytest.raises(Killed), omium.execution("x"):
        (by_kickoff if way is by_stream else way)(timed("10:01", dies_at=3, flags=flags))
    calls = journal.lines()
    with pytest.raises(Divergence) as caught, omium.execution("x"):
        way(timed("10:02", flags=flags))
    assert journal.lines() == calls
    assert any("10:01" in line for line in caught.value.diff)
    assert any("10:02" in line for line in caught.value.diff)
    assert "hint: " in str(caught.value)
    assert "a date or time" in str(caught.value)
    with omium.execution("x"):
        way(timed("10:01", flags=flags))
    assert journal.lines("llm").total() == 3 + 1, "whoever asks the same again is answered, up to the call that died"


def test_going_back_to_before_it_lets_the_new_prompt_be_asked() -> None:
    with pytest.raises(Killed), omium.execution("x"):
        by_kickoff(timed("10:01", dies_at=3))
    with pytest.raises(Divergence) as caught, omium.execution("x"):
        by_kickoff(timed("10:02"))
    assert caught.value.seq is not None
    omium.get("x").rollback(to=caught.value.seq - 1)
    with omium.execution("x"):
        by_kickoff(timed("10:02"))


def test_the_order_goes_on_over_resumes() -> None:
    for dies_at in (2, 2):
        with pytest.raises(Killed), omium.execution("x"):
            by_kickoff(timed("10:01", dies_at=dies_at))
    with omium.execution("x"):
        by_kickoff(timed("10:01"))
    first, second, third = (each for each in omium.config.store().entries("x") if each.kind == "llm")
    assert not any(each.spawned for each in (first, second, third))
    assert (second.prev, third.prev) == (first.seq, second.seq)


class Unlucky(FakeLLM):
    """Its second call fails, and no two answers are alike."""

    fails: bool = True
    calls: int = 0

    def answer(self, said: Any, tools: Any, response_model: Any) -> Any:
        self.calls += 1
        if self.fails and self.calls == 2:
            raise ConnectionError("bad luck")
        if self.calls == 4:
            raise Killed
        if len(said) < 3:
            return [call_of("search", f"try {self.calls}", {"query": {"type": "string"}})]
        return f"answer {self.calls}"


def test_a_conversation_begun_again_after_a_failure_is_no_divergence() -> None:
    """CrewAI asks from the start, and is given another answer; a resume goes on from the first one."""

    def crew(llm: FakeLLM) -> Crew:
        worker = agent("worker", llm, [make_tool("search")])
        return Crew(agents=[worker], tasks=[task(0, worker)], verbose=False)

    with pytest.raises(Killed), omium.execution("x"):
        by_kickoff(crew(Unlucky(model="unlucky")))
    assert [each.kind for each in omium.get("x").checkpoints()].count("llm") == 2
    with omium.execution("x"):
        assert by_kickoff(crew(Unlucky(model="unlucky", fails=False))).raw == "answer 1"


def test_models_that_a_tool_asks_side_by_side_are_in_no_order() -> None:
    """Whichever comes first at the resume, the others were recorded before."""
    asked: list[str] = []

    def crew(order: list[str], *, dies: bool) -> Crew:
        @tool("survey")
        def survey(query: str) -> str:
            """Asks several models."""
            answers = []
            for each in order:
                asked.append(each)
                if dies and len(asked) == 2:
                    raise Killed
                answers.append(str(fake().call(each)))
            return " ".join(sorted(answers))

        worker = agent("worker", fake(), [survey])
        return Crew(agents=[worker], tasks=[task(0, worker)], verbose=False)

    with pytest.raises(Killed), omium.execution("x"):
        by_kickoff(crew(["one", "two"], dies=True))
    with omium.execution("x"):
        by_kickoff(crew(["two", "one"], dies=False))


def asked(id: str) -> list[list[dict[str, Any]]]:
    """The messages of each recorded model call."""
    inputs = [each.input for each in omium.config.store().entries(id) if each.kind == "llm"]
    return [codec.loads(each.codec, each.read())["messages"] for each in inputs if each is not None]


class Nameless(Mortal):
    """Calls a tool without an id, as Gemini does: CrewAI then makes one of an address in memory."""

    def answer(self, said: Any, tools: Any, response_model: Any) -> Any:
        answer = super().answer(said, tools, response_model)
        if isinstance(answer, list):
            called = answer[0]["function"]
            return [{"name": called["name"], "input": json.loads(called["arguments"])}]
        return answer


def test_an_id_that_crewai_made_up_is_no_part_of_a_prompt() -> None:
    def crew(*, dies_at: int) -> Crew:
        worker = agent("worker", Nameless(model="nameless", dies_at=dies_at), [make_tool("search"), make_tool("read")])
        return Crew(agents=[worker], tasks=[task(0, worker)], verbose=False)

    with pytest.raises(Killed), omium.execution("x"):
        by_kickoff(crew(dies_at=3))
    kept = [bytearray(1 << 16) for _ in range(50)]  # What is made now has other addresses.
    with omium.execution("x"):
        by_kickoff(crew(dies_at=0))
    assert kept
    assert journal.lines("llm").total() == 3 + 1
    for messages in asked("x"):
        ids = [each["tool_call_id"] for each in messages if each["role"] == "tool"]
        assert ids == [f"call {n}" for n in range(1, len(ids) + 1)]


class Clock:
    """The day on which CrewAI believes it runs."""

    day = 1

    @classmethod
    def now(cls) -> datetime:
        return datetime(2026, 1, cls.day, tzinfo=timezone.utc)


def test_an_injected_date_stays_that_of_the_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = import_module("crewai.utilities.prompts" if crewai.__version__ >= "1.15" else "crewai.agent.core")
    monkeypatch.setattr(writer, "datetime", Clock)
    monkeypatch.setattr(Clock, "day", 1)

    def crew(*, dies_at: int) -> Crew:
        worker = agent("worker", Mortal(model="mortal", dies_at=dies_at), [make_tool("search")], inject_date=True)
        return Crew(agents=[worker], tasks=[task(0, worker)], verbose=False)

    with pytest.raises(Killed), omium.execution("x"):
        by_kickoff(crew(dies_at=2))
    Clock.day = 2
    with omium.execution("x"):
        by_kickoff(crew(dies_at=0))
    assert all("2026-01-01" in str(messages) for messages in asked("x"))
    with omium.execution("y"):
        by_kickoff(crew(dies_at=0))
    assert all("2026-01-02" in str(messages) for messages in asked("y"))
