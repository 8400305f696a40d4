"""Tools that are effects keep an effect's promise; agents on their own; several crews in one execution."""

import asyncio
from typing import Any

import pytest
from crewai import Crew
from crewai.flow.flow import Flow, start
from crewai.tools import BaseTool, tool
from crewai.tools.structured_tool import CrewStructuredTool
from fake import FakeLLM, fake, journal, make_tool
from pydantic import BaseModel
from scenarios import TOPIC, agent, plain, task

import omium
from omium.exceptions import InDoubt


class Stop(BaseException):
    """Ends a run where a kill would."""


CHARGES: list[str] = []


def charged(query: str) -> str | None:
    """Asks the bank."""
    return "receipt" if CHARGES else None


@pytest.fixture(autouse=True)
def no_charges() -> None:
    CHARGES.clear()


def bank(*, stops: bool, in_doubt: str) -> Any:
    @omium.effect(name="pay", probe=charged if in_doubt == "probe" else None, in_doubt=in_doubt)
    def pay(query: str) -> str:
        CHARGES.append(omium.idempotency_key())
        if stops:
            raise Stop
        return "receipt"

    @tool("charge")
    def charge(query: str) -> str:
        """Charges a card."""
        return pay(query)

    return charge


def crew(tools: list[Any], *, native: bool = True) -> Crew:
    worker = agent("worker", fake(native=native), tools)
    return Crew(agents=[worker], tasks=[task(0, worker)], verbose=False)


def test_an_effect_in_a_tool_is_not_repeated_when_its_probe_finds_it() -> None:
    with pytest.raises(Stop), omium.execution("x"):
        crew([bank(stops=True, in_doubt="probe")]).kickoff(inputs=TOPIC)
    for _ in range(2):
        with omium.execution("x"):
            crew([bank(stops=False, in_doubt="probe")]).kickoff(inputs=TOPIC)
    assert len(CHARGES) == 1


def test_an_effect_in_a_tool_stops_the_run_where_it_is_to_fail() -> None:
    with pytest.raises(Stop), omium.execution("x"):
        crew([bank(stops=True, in_doubt="fail")]).kickoff(inputs=TOPIC)
    for _ in range(2):
        with pytest.raises(InDoubt, match="pay"), omium.execution("x"):
            crew([bank(stops=False, in_doubt="fail")]).kickoff(inputs=TOPIC)
    assert len(CHARGES) == 1
    assert journal.lines("llm").total() == 1, "the model was not told of it"


def test_a_tool_that_is_an_effect_itself() -> None:
    @tool("charge")
    @omium.effect(in_doubt="fail")
    def charge(query: str) -> str:
        """Charges a card."""
        CHARGES.append(query)
        raise Stop

    assert charge.args_schema.model_fields.keys() == {"query"}
    with pytest.raises(Stop), omium.execution("x"):
        crew([charge]).kickoff(inputs=TOPIC)
    with pytest.raises(InDoubt), omium.execution("x"):
        crew([charge]).kickoff(inputs=TOPIC)
    assert len(CHARGES) == 1


def test_a_step_in_a_tool_is_nested_in_it() -> None:
    @omium.step
    def note(text: str) -> str:
        journal.note("step", text)
        return text

    @tool("write")
    def write(query: str) -> str:
        """Writes it down."""
        return note(query)

    with omium.execution("x") as run:
        crew([write]).kickoff(inputs=TOPIC)
    scopes = {each.name: each.scope for each in run.checkpoints()}
    assert scopes["note"].startswith(scopes["write"] + "/write")


class Odd:
    """Cannot be recorded."""

    def __str__(self) -> str:
        return "an odd thing"


@pytest.mark.parametrize("native", [True, False])
def test_a_result_that_cannot_be_recorded_is_the_text_the_model_was_shown(native: bool) -> None:
    @tool("search")
    def search(query: str) -> Any:
        """Finds an object."""
        journal.note("tool", query)
        return Odd()

    for _ in range(2):
        with omium.execution("x"):
            output = crew([search], native=native).kickoff(inputs=TOPIC)
    assert any("an odd thing" in str(each["content"]) for each in output.tasks_output[0].messages)
    assert journal.lines("tool").total() == 1


def test_a_limit_of_uses_counts_recorded_ones() -> None:
    def limited() -> Any:
        made = make_tool("search")
        made.max_usage_count = 3
        return made

    with pytest.raises(Stop), omium.execution("x"):
        crew([limited(), bank(stops=True, in_doubt="retry")]).kickoff(inputs=TOPIC)
    again = limited()
    with omium.execution("x"):
        crew([again, bank(stops=False, in_doubt="retry")]).kickoff(inputs=TOPIC)
    assert again.current_usage_count == 1


class Slow(BaseTool):
    name: str = "slow"
    description: str = "Looks something up, slowly"

    def _run(self, query: str) -> str:
        raise NotImplementedError

    async def _arun(self, query: str) -> str:
        journal.note("tool", query)
        return f"found {query}"


def test_tools_used_directly_are_recorded_too() -> None:
    def look(query: str) -> str:
        """Looks."""
        return str(inner(query))

    @omium.step
    def inner(query: str) -> str:
        journal.note("tool", query)
        return query

    structured = CrewStructuredTool.from_function(look)

    async def use() -> list[str]:
        return [
            await Slow().arun(query="a"),
            await structured.ainvoke({"query": "b"}),
            structured.invoke('{"query": "c"}'),
            make_tool("search").run("d"),
        ]

    with omium.execution("x") as run:
        first = asyncio.run(use())
    assert [each.kind for each in run.checkpoints()] == ["tool", "step", "tool", "step", "tool", "tool"]
    calls = journal.lines()
    with omium.execution("x"):
        assert asyncio.run(use()) == first
    assert journal.lines() == calls


class Answer(BaseModel):
    text: str


def test_agents_on_their_own() -> None:
    def work() -> list[Any]:
        alone = agent("worker", fake(), [make_tool("search")])
        return [alone.kickoff("What is a log?").raw, asyncio.run(alone.kickoff_async("What is a tape?")).raw]

    with omium.execution("x"):
        first = work()
    calls = journal.lines()
    with omium.execution("x", mode="replay"):
        assert work() == first
    assert journal.lines() == calls
    with pytest.raises(omium.Divergence), omium.execution("x", mode="replay"):
        agent("worker", fake(), [make_tool("search")]).kickoff("What is a disk?")


def test_an_agent_in_a_flow_and_a_model_asked_for_structure() -> None:
    class Asking(Flow):
        @start()
        async def begin(self) -> str:
            output = await agent("worker", fake(), [make_tool("search")]).kickoff_async("What is a log?")
            answer = fake().call("in one word", response_model=Answer)
            assert type(answer) is Answer
            return f"{output.raw} {answer.text}"

    with omium.execution("x"):
        first = Asking().kickoff()
    calls = journal.lines()
    with omium.execution("x"):
        assert Asking().kickoff() == first
    assert journal.lines() == calls


def test_the_same_crew_twice_is_two_kickoffs() -> None:
    def both() -> list[Any]:
        return [plain(crew([make_tool("search")]).kickoff(inputs=TOPIC)) for _ in range(2)]

    with omium.execution("x"):
        first = both()
    assert journal.lines("llm").total() == 4
    with omium.execution("x"):
        assert both() == first
    assert journal.lines("llm").total() == 4


def test_crews_in_parallel_find_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def many() -> list[Any]:
        inputs = [{"topic": topic} for topic in ("logs", "tapes", "logs", "disks")]
        outputs = await crew([make_tool("search")]).akickoff_for_each(inputs)
        outputs += await crew([make_tool("search")]).kickoff_for_each_async(inputs)
        return [[each.raw, [one.raw for one in each.tasks_output]] for each in outputs]

    with omium.execution("x"):
        first = asyncio.run(many())
    calls = journal.lines()
    with omium.execution("x", mode="replay"):
        assert asyncio.run(many()) == first
    assert journal.lines() == calls


def test_providers_defined_later_are_recorded() -> None:
    class Later(FakeLLM):
        def call(self, *args: Any, **kwargs: Any) -> Any:
            return "later: " + str(super().call(*args, **kwargs))

    for _ in range(2):
        with omium.execution("x"):
            assert Later(model="later").call("hello").startswith("later: ")
    assert journal.lines("llm").total() == 1
    assert len(omium.get("x").checkpoints()) == 1, "a call that calls its parent's is one call"
