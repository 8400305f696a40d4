"""States of flows in the store, as CrewAI's `@persist` keeps them."""

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from crewai.flow.async_feedback.types import HumanFeedbackPending, PendingFeedbackContext
from crewai.flow.flow import Flow, FlowState, listen, start
from crewai.flow.human_feedback import human_feedback
from crewai.flow.persistence import persist
from fake import journal
from scenarios import unfinished

import omium


class Stop(BaseException):
    """Ends a run where a kill would."""


class Count(FlowState):
    n: int = 0
    day: date = date(2026, 1, 1)


def counting(stops: bool = False) -> Flow[Any]:
    @persist(omium.crewai.Persistence())
    class Counting(Flow[Count]):
        @start()
        def one(self) -> None:
            self.state.n += 1

        @listen(one)
        def two(self) -> int:
            self.state.n += 10
            return self.state.n

        @listen(two)
        def three(self) -> int:
            if stops:
                raise Stop
            return self.state.n

    return Counting()


def test_a_state_is_loaded_by_its_id() -> None:
    assert counting().kickoff(inputs={"id": "a"}) == 11
    assert counting().kickoff(inputs={"id": "a"}) == 22
    assert counting().kickoff(inputs={"id": "b"}) == 11
    assert omium.crewai.Persistence().load_state("a") == {"id": "a", "n": 22, "day": date(2026, 1, 1)}
    assert omium.crewai.Persistence().load_state("none") is None


def test_states_are_an_execution_that_can_be_rolled_back_and_forked() -> None:
    counting().kickoff(inputs={"id": "a"})
    states = omium.get("flow-a")
    assert [each.name for each in states.checkpoints()] == ["one", "two", "three"]
    states.fork(at=1, id="flow-b")
    states.rollback(to=1)
    assert omium.crewai.Persistence().load_state("a")["n"] == 1
    assert omium.crewai.Persistence().load_state("b")["n"] == 1
    assert counting().kickoff(inputs={"id": "a"}) == 12


def test_a_store_of_its_own(tmp_path: Any) -> None:
    persistence = omium.crewai.Persistence(tmp_path / "flows")
    persistence.save_state("a", "m", {"id": "a", "list": [1, 2]})
    assert omium.crewai.Persistence(tmp_path / "flows").load_state("a") == {"id": "a", "list": [1, 2]}
    assert omium.executions() == []


def test_another_process_goes_on_from_the_state(store: Path) -> None:
    code = (
        "import offline, omium, test_persistence as here\n"
        f"omium.init(store={str(store)!r})\n"
        "print('counted', here.counting().kickoff(inputs={'id': 'a'}))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
        )
        for _ in range(2)
    ]
    assert ["counted 11" in told[0].stdout, "counted 22" in told[1].stdout] == [True, True]
    assert counting().kickoff(inputs={"id": "a"}) == 33


@pytest.mark.parametrize("inputs", [None, {"id": "a"}])
def test_inside_an_execution_a_state_is_not_applied_twice(inputs: Any) -> None:
    if inputs:
        counting().kickoff(inputs=inputs)
    with pytest.raises(Stop), omium.execution("x"):
        counting(stops=True).kickoff(inputs=inputs)
    saved = [each.id for each in omium.executions(workflow="crewai.flow")]
    with omium.execution("x"):
        assert counting().kickoff(inputs=inputs) == (22 if inputs else 11)
    assert [each.id for each in omium.executions(workflow="crewai.flow")] == saved, "the same flow, by the same id"
    states = [each.name for each in omium.get(saved[0]).checkpoints()]
    assert states == ["one", "two", "three"] * (2 if inputs else 1)


class PlainStates(Flow):
    @start()
    def begin(self) -> str:
        return str(self.state["id"])


class ModelStates(Flow[Count]):
    @start()
    def begin(self) -> str:
        return self.state.id


@pytest.mark.parametrize("kind", [PlainStates, ModelStates])
def test_a_flow_keeps_the_id_it_made(kind: type[Flow[Any]]) -> None:
    first = unfinished("x", lambda: kind().kickoff())
    assert first
    with omium.execution("x"):
        assert kind().kickoff() == first
    with omium.execution("y"):
        assert kind().kickoff() != first


class Later:
    """Feedback that comes another day."""

    def request_feedback(self, context: PendingFeedbackContext, flow: Any) -> str:
        journal.note("asked", context.method_name)
        raise HumanFeedbackPending(context=context)


def reviewed() -> type[Flow[Any]]:
    class Reviewed(Flow):
        @start()
        @human_feedback(message="Good?", provider=Later())
        def draft(self) -> str:
            return "a draft"

        @listen(draft)
        def end(self, result: Any) -> str:
            return f"{result.output}: {result.feedback}"

    return Reviewed


def kicked_off(flow: Flow[Any]) -> Any:
    return flow.kickoff()


def inside(flow: Flow[Any]) -> Any:
    with omium.execution("x"):
        return flow.kickoff()


@pytest.mark.parametrize("way", [kicked_off, inside])
def test_feedback_that_comes_later(way: Callable[[Flow[Any]], Any]) -> None:
    persistence = omium.crewai.Persistence()
    kind = reviewed()
    pending = way(kind(persistence=persistence))
    assert isinstance(pending, HumanFeedbackPending)
    id = pending.context.flow_id
    assert omium.get(f"flow-{id}").status == "waiting"
    flow = kind.from_pending(id, persistence)
    assert flow.resume("fine") == "a draft: fine"
    assert persistence.load_pending_feedback(id) is None
