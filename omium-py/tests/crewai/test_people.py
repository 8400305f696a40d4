"""Nobody is asked twice: human input of a task, feedback and questions of a flow."""

import asyncio
from collections.abc import Callable
from typing import Any

import crewai
import pytest
from crewai import Crew
from crewai.core.providers.human_input import SyncHumanInputProvider, reset_provider, set_provider
from crewai.flow.flow import Flow, listen, start
from crewai.flow.human_feedback import human_feedback
from fake import FakeLLM, fake, journal
from scenarios import TOPIC, agent, plain, task

import omium


class Stop(BaseException):
    """Ends a run where a kill would."""


class Person(SyncHumanInputProvider):
    """Wants one improvement, then is content."""

    def __init__(self, stops: int = 0) -> None:
        self.stops = stops

    def answer(self) -> str:
        journal.note("asked", "")
        number = journal.lines("asked").total()
        if number == self.stops:
            raise Stop
        return "" if "more of it" in journal.path.read_text() else self.wants()

    def wants(self) -> str:
        journal.note("wanted", "more of it")
        return "more of it"

    def _prompt_input(self, crew: Any) -> str:
        return self.answer()

    async def _prompt_input_async(self, crew: Any) -> str:
        return self.answer()


class Other:
    """A provider that shares nothing with CrewAI's own."""

    def __init__(self, person: Person) -> None:
        self.person = person

    def setup_messages(self, context: Any) -> bool:
        return False

    def post_setup_messages(self, context: Any) -> None: ...

    def handle_feedback(self, formatted_answer: Any, context: Any) -> Any:
        formatted_answer.output += f" ({self.person.answer()})"
        context.ask_for_human_input = False
        return formatted_answer

    async def handle_feedback_async(self, formatted_answer: Any, context: Any) -> Any:
        return self.handle_feedback(formatted_answer, context)


def by_kickoff(crew: Crew) -> Any:
    return plain(crew.kickoff(inputs=TOPIC))


def by_akickoff(crew: Crew) -> Any:
    return plain(asyncio.run(crew.akickoff(inputs=TOPIC)))


def asking() -> Crew:
    worker = agent("worker", fake())
    return Crew(agents=[worker], tasks=[task(0, worker, human_input=True), task(1, worker)], verbose=False)


def run(way: Callable[[Crew], Any], provider: Any, id: str = "x") -> Any:
    token = set_provider(provider)
    try:
        with omium.execution(id):
            return way(asking())
    finally:
        reset_provider(token)


@pytest.mark.parametrize("way", [by_kickoff, by_akickoff])
def test_what_a_person_said_is_not_asked_for_again(way: Callable[[Crew], Any]) -> None:
    whole = run(way, Person(), "whole")
    journal.path.unlink()
    with pytest.raises(Stop):
        run(way, Person(stops=2))
    assert journal.lines("wanted").total() == 1
    calls = journal.lines("llm")
    result = run(way, Person())
    assert result == whole
    assert journal.lines("wanted").total() == 1
    assert journal.lines("asked").total() == 3, "the second question was not answered yet"
    assert journal.lines("llm").total() == calls.total() + 1
    done = journal.lines()
    assert run(way, Person()) == result
    assert journal.lines() == done


@pytest.mark.parametrize("way", [by_kickoff, by_akickoff])
def test_any_provider_is_asked_once(way: Callable[[Crew], Any]) -> None:
    result = run(way, Other(Person()))
    assert "more of it" in result["tasks"][0][1]
    done = journal.lines()
    assert run(way, Other(Person())) == result
    assert journal.lines() == done


class Reviewer:
    """Asked by a flow for feedback, and for input."""

    def request_feedback(self, context: Any, flow: Any) -> str:
        journal.note("asked", context.method_name)
        return "approve it"

    def request_input(self, message: str, flow: Any, metadata: Any = None) -> str:
        journal.note("asked", message)
        return "blue"


class AsyncReviewer(Reviewer):
    async def request_feedback(self, context: Any, flow: Any) -> str:  # type: ignore[override]
        return super().request_feedback(context, flow)


class Judge(FakeLLM):
    def answer(self, said: Any, tools: Any, response_model: Any) -> Any:
        return "approved" if response_model is None else response_model.model_validate({"outcome": "approved"})


def reviewed(reviewer: Reviewer, *, stops: bool) -> Flow[Any]:
    class Reviewed(Flow):
        input_provider = reviewer

        @start()
        @human_feedback(
            message="Is it good?", emit=["approved", "rejected"], llm=Judge(model="judge"), provider=reviewer
        )
        def draft(self) -> str:
            return f"a {self.ask('Which colour?')} draft"

        @listen("approved")
        def publish(self) -> str:
            if stops:
                raise Stop
            return "published " + str(self.last_human_feedback.output)

        @listen("rejected")
        def drop(self) -> str:
            return "dropped"

    return Reviewed()


# CrewAI 1.14 lets only an async method have an async provider.
REVIEWERS = [Reviewer, AsyncReviewer] if crewai.__version__ >= "1.15" else [Reviewer]


@pytest.mark.parametrize("reviewer", REVIEWERS)
def test_a_flow_asks_once(reviewer: Callable[[], Reviewer]) -> None:
    with pytest.raises(Stop), omium.execution("x"):
        reviewed(reviewer(), stops=True).kickoff()
    calls = journal.lines()
    assert calls["asked Which colour?"] == calls["asked draft"] == 1
    with omium.execution("x"):
        assert reviewed(reviewer(), stops=False).kickoff() == "published a blue draft"
    assert journal.lines() == calls


def test_feedback_on_the_console_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["fine"])
    monkeypatch.setattr("builtins.input", lambda *_: next(answers))

    class Console(Flow):
        @start()
        @human_feedback(message="Is it good?")
        def draft(self) -> str:
            return "a draft"

        @listen(draft)
        def end(self, result: Any) -> str:
            return str(result.feedback)

    for _ in range(2):
        with omium.execution("x"):
            assert Console().kickoff() == "fine"
