"""omium's own errors end the run: CrewAI neither retries them, nor tells them to the model, nor hangs."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from crewai import Crew
from crewai.flow.flow import Flow, listen, start
from crewai.tools import tool
from fake import FakeLLM, call_of, fake, journal, make_tool
from scenarios import SCENARIOS, TOPIC, agent, crew_of, task

import omium
from omium.exceptions import (
    BudgetExceeded,
    Divergence,
    Fenced,
    InDoubt,
    NotSerializable,
    OmiumError,
    StoreUnavailable,
    Waiting,
)
from omium.runtime import _context


class Killed(BaseException):
    """Ends a run where a kill would: nothing handles it, and the tool leaves no result."""


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """What hangs is interrupted."""

    def late(*_: object) -> None:
        raise TimeoutError("it hung")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)


def crew_with(tools: list[Any], *, flags: tuple[bool, ...] = (False,), llm: FakeLLM | None = None) -> Crew:
    worker = agent("worker", llm or fake(), tools)
    return Crew(agents=[worker], tasks=[task(n, worker, async_execution=flag) for n, flag in enumerate(flags)])


def by_kickoff(crew: Crew) -> Any:
    return crew.kickoff(inputs=TOPIC)


def by_akickoff(crew: Crew) -> Any:
    return asyncio.run(crew.akickoff(inputs=TOPIC))


def by_kickoff_async(crew: Crew) -> Any:
    return asyncio.run(crew.kickoff_async(inputs=TOPIC))


def by_stream(crew: Crew) -> Any:
    crew.stream = True
    streaming = crew.kickoff(inputs=TOPIC)
    for _ in streaming:
        pass
    return streaming.result


def in_a_flow(crew: Crew) -> Any:
    class Wrapping(Flow):
        @start()
        def begin(self) -> Any:
            return crew.kickoff(inputs=TOPIC)

        @listen(begin)
        def end(self, _: Any) -> str:
            return "went on"

    return Wrapping().kickoff()


WAYS = {each.__name__: each for each in (by_kickoff, by_akickoff, by_kickoff_async, by_stream, in_a_flow)}
FLAGS = {"in order": (False,), "in a thread": (True,)}


def doubtful(dies: bool) -> Any:
    @tool("act")
    def act(query: str) -> str:
        """Acts outside."""
        journal.note("tool", "act")
        if dies:
            raise Killed
        return "done"

    return act


def leave_in_doubt(way: Callable[[Crew], Any], flags: tuple[bool, ...]) -> None:
    with pytest.raises(Killed), omium.execution("x"):
        way(crew_with([doubtful(dies=True)], flags=flags))


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_tool_in_doubt_stops_the_run_where_it_is_to_fail(way: Callable[[Crew], Any], flags: tuple[bool, ...]) -> None:
    # A streaming kickoff keeps in its thread what is no Exception; its record is that of a plain one.
    leave_in_doubt(by_kickoff if way is by_stream else way, flags)
    omium.crewai.instrument(tools={"act": "fail"})
    calls = journal.lines()
    for _ in range(2):
        crew = crew_with([doubtful(dies=False)], flags=flags)
        with pytest.raises(InDoubt, match="act began at x@"), omium.execution("x"):
            way(crew)
        assert crew.tasks[0].tools_errors == 0, "the model was not told of it"
        assert crew.agents[0]._times_executed == 0, "and nothing was retried"
    assert journal.lines() == calls
    assert omium.get("x").status == "failed"


def test_runs_that_are_stopped_leave_nothing_open() -> None:
    """CrewAI keeps a stack of the events that began, and allows it a depth of a hundred."""
    leave_in_doubt(by_kickoff, (False,))
    omium.crewai.instrument(in_doubt="fail")
    for _ in range(60):
        with pytest.raises(InDoubt), omium.execution("x"):
            by_kickoff(crew_with([doubtful(dies=False)]))


def test_a_tool_in_doubt_stops_an_akickoff_every_time() -> None:
    leave_in_doubt(by_akickoff, (True,))
    omium.crewai.instrument(in_doubt="fail")
    calls = journal.lines()
    for _ in range(20):
        with pytest.raises(InDoubt), omium.execution("x"):
            by_akickoff(crew_with([doubtful(dies=False)], flags=(True,)))
    assert journal.lines() == calls


def test_a_tool_in_doubt_is_run_again_by_default_with_the_same_key() -> None:
    keys = []

    @tool("act")
    def act(query: str) -> str:
        """Acts outside."""
        keys.append(omium.idempotency_key())
        if len(keys) == 1:
            raise Killed
        return "done"

    with pytest.raises(Killed), omium.execution("x"):
        by_kickoff(crew_with([act]))
    with omium.execution("x"):
        assert "answer" in by_kickoff(crew_with([act])).raw
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert journal.lines("llm").total() == 2


def test_a_tool_in_doubt_can_wait_for_a_person() -> None:
    leave_in_doubt(by_kickoff, (False,))
    omium.crewai.instrument(in_doubt="ask")
    with pytest.raises(Waiting), omium.execution("x"):
        by_kickoff(crew_with([doubtful(dies=False)]))
    assert omium.get("x").status == "waiting"


def test_a_policy_that_does_not_exist() -> None:
    with pytest.raises(omium.InvalidInput, match="retry"):
        omium.crewai.instrument(in_doubt="hope")  # type: ignore[arg-type]


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_run_taken_away_stops(way: Callable[[Crew], Any], flags: tuple[bool, ...]) -> None:
    @tool("cancel")
    def cancel(query: str) -> str:
        """Somebody cancels the execution while it runs."""
        omium.config.store().cancel("x")
        return "cancelled"

    with pytest.raises(Fenced), omium.execution("x"):
        way(crew_with([cancel], flags=flags))
    assert journal.lines("llm").total() == 1
    assert omium.get("x").status == "cancelled"


class Unwritable:
    """A run whose disk is full from the n-th commit on."""

    def __init__(self, native: Any, after: int) -> None:
        self.native = native
        self.left = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self.native, name)

    def commit(self, *args: Any, **kwargs: Any) -> int:
        self.left -= 1
        if self.left < 0:
            raise StoreUnavailable("no space left on device")
        return int(self.native.commit(*args, **kwargs))


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("after", range(5))
def test_a_store_that_cannot_be_written_stops_the_run(
    way: Callable[[Crew], Any], flags: tuple[bool, ...], after: int
) -> None:
    def run() -> None:
        with omium.execution("x"):
            frame = _context.frame()
            assert frame is not None
            frame.run.native = Unwritable(frame.run.native, after)
            way(crew_with([make_tool("search")], flags=flags))

    with pytest.raises(StoreUnavailable):
        run()
    assert journal.lines("llm").total() <= after + 1
    with omium.execution("x"):
        way(crew_with([make_tool("search")], flags=flags))


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_replay_of_a_changed_crew_names_the_task_and_the_difference(
    way: Callable[[Crew], Any], flags: tuple[bool, ...]
) -> None:
    with omium.execution("x"):
        way(crew_with([], flags=flags))
    changed = crew_with([], flags=flags)
    changed.tasks[0].expected_output = "a long text"
    calls = journal.lines()
    with pytest.raises(Divergence, match="task-1") as caught, omium.execution("x", mode="replay"):
        way(changed)
    assert any("a long text" in line for line in caught.value.diff)
    assert journal.lines() == calls


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_spent_budget_stops_the_run_before_the_call(way: Callable[[Crew], Any], flags: tuple[bool, ...]) -> None:
    tools = [make_tool("search"), make_tool("read")]
    with pytest.raises(BudgetExceeded), omium.execution("x", budget_tokens=150):
        way(crew_with(tools, flags=flags))
    assert journal.lines("llm").total() == 2
    with omium.execution("x", budget_tokens=1000):
        way(crew_with(tools, flags=flags))
    assert journal.lines("llm").total() == 3


def test_a_spent_budget_stops_the_steps_of_a_plan() -> None:
    """CrewAI takes whatever a step of a plan raises for its outcome; the model is asked nothing more all the same."""
    with pytest.raises(BudgetExceeded), omium.execution("x", budget_tokens=150):
        SCENARIOS["plan"]()
    made = journal.lines("llm").total()
    assert made <= 4, "the plan, and three steps side by side"
    assert omium.get("x").status == "failed"
    with pytest.raises(BudgetExceeded), omium.execution("x", budget_tokens=150):
        SCENARIOS["plan"]()
    assert journal.lines("llm").total() == made


class OddLLM(FakeLLM):
    """Answers with an object that cannot be recorded."""

    def answer(self, said: Any, tools: Any, response_model: Any) -> Any:
        return iter(())


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_answer_that_cannot_be_recorded_is_paid_for_once(way: Callable[[Crew], Any]) -> None:
    with pytest.raises(NotSerializable), omium.execution("x"):
        way(crew_with([], llm=OddLLM(model="odd")))
    assert journal.lines("llm").total() == 1


def test_an_error_stays_what_it_is_outside_of_crewais_code() -> None:
    with omium.execution("x"):
        fake().call("one")
    with pytest.raises(Divergence), omium.execution("x", mode="replay"):
        fake().call("two")


def test_a_flow_cannot_swallow_them() -> None:
    class Careless(Flow):
        @start()
        def begin(self) -> str:
            try:
                return str(crew_of(fake(), flags=(False,)).kickoff(inputs=TOPIC).raw)
            except OmiumError:
                return "never mind"

    with pytest.raises(BudgetExceeded), omium.execution("x", budget_tokens=10):
        Careless().kickoff()


class TwoCalls(FakeLLM):
    """Calls a failing tool, then answers."""

    dies: bool = False

    def answer(self, said: Any, tools: Any, response_model: Any) -> Any:
        if len(said) < 3:
            return [call_of("fails", "x", {"query": {"type": "string"}})]
        if self.dies:
            raise Killed
        return "told: " + str(said[-1]["content"])[:80]


def test_a_failure_of_a_tool_is_told_to_the_model_and_not_tried_again() -> None:
    failures = []

    @tool("fails")
    def fails(query: str) -> str:
        """Fails."""
        failures.append(query)
        raise ValueError("no such thing")

    with pytest.raises(Killed), omium.execution("x"):
        by_kickoff(crew_with([fails], llm=TwoCalls(model="two", dies=True)))
    with omium.execution("x"):
        assert "no such thing" in by_kickoff(crew_with([fails], llm=TwoCalls(model="two"))).raw
    assert len(failures) == 1


@pytest.mark.parametrize("happened", [True, False])
def test_what_a_person_knows_of_a_tool_in_doubt_settles_it(happened: bool) -> None:
    leave_in_doubt(by_kickoff, (False,))
    omium.crewai.instrument(in_doubt="ask")
    with pytest.raises(Waiting), omium.execution("x"):
        by_kickoff(crew_with([doubtful(dies=False)]))
    assert [each.text for each in omium.get("x").questions()] == ["did act happen?"]
    omium.answer("x", "it was done before", happened=happened)
    assert omium.get("x").questions() == []
    with omium.execution("x"):
        output = by_kickoff(crew_with([doubtful(dies=False)]))
    told = [each["content"] for each in output.tasks_output[0].messages if each["role"] == "tool"]
    assert told == ["it was done before" if happened else "done"]
    assert journal.lines("tool").total() == (1 if happened else 2)


def test_a_tool_in_doubt_is_in_doubt_for_a_fork_until_its_original_knows() -> None:
    leave_in_doubt(by_kickoff, (False,))
    intent = omium.get("x").questions()[0].seq
    omium.get("x").fork(at=intent, id="y")
    assert [each.seq for each in omium.get("y").questions()] == [intent]
    omium.answer("y", "it was done before", happened=True)
    with omium.execution("y"):
        by_kickoff(crew_with([doubtful(dies=False)]))
    assert journal.lines("tool").total() == 1, "what was settled for the fork is not done again"
    with omium.execution("x"):
        by_kickoff(crew_with([doubtful(dies=False)]))
    omium.get("x").fork(at=intent, id="z")
    assert omium.get("z").questions() == [], "the original knows the outcome, and the fork acts for itself"
    omium.get("x").rollback(to=intent)
    assert omium.get("x").questions() == [], "the outcome was known when the rollback went back to before it"
