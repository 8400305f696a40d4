"""What ends an execution passes through a graph as an interrupt does: no policy or handler of the graph answers it."""

from __future__ import annotations

import asyncio
import copy
import operator
import pickle
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy
from typing_extensions import TypedDict

import omium
from omium.langgraph import Saver
from omium.langgraph.passing import as_failure, let_through
from omium.wire.escape import passing

CONFIG: Any = {"configurable": {"thread_id": "t"}}
did: Counter[str] = Counter()


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


@pytest.fixture(autouse=True)
def calm(store: Path) -> None:  # The store comes first.
    did.clear()


def handler(_: Log) -> Any:
    did["handler"] += 1
    return {"log": ["handled"]}


EVERYTHING: Any = {
    "retry_policy": RetryPolicy(initial_interval=0.001, jitter=False, retry_on=lambda _: True),
    "error_handler": handler,
}


def graph(store: Path, node: Any, *beside: Any) -> Any:
    builder = StateGraph(Log).add_node("node", node, **EVERYTHING).add_edge(START, "node").add_edge("node", END)
    for at, other in enumerate(beside):
        builder.add_node(f"beside-{at}", other).add_edge(START, f"beside-{at}")
    return builder.compile(checkpointer=Saver(store))


def run(built: Any, given: Any, asynchronous: bool) -> Any:
    return asyncio.run(built.ainvoke(given, CONFIG)) if asynchronous else built.invoke(given, CONFIG)


def ask(_: Log) -> Any:
    did["node"] += 1
    return {"log": [omium.ask("sure?")]}


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("below", [False, True])
def test_a_question_is_asked_once_and_its_answer_is_the_node_s(
    store: Path, asynchronous: bool, beside: bool, below: bool
) -> None:
    node: Any = StateGraph(Log).add_node("ask", ask).add_edge(START, "ask").compile() if below else ask
    other = [lambda _: {"log": ["beside"]}] if beside else []
    built = graph(store, node, *other)
    with pytest.raises(omium.Waiting, match="sure"):
        run(built, {"log": []}, asynchronous)
    assert (did, omium.get("t").status) == ({"node": 1}, "waiting")
    omium.answer("t", "yes")
    found = run(built, None, asynchronous)["log"]
    assert sorted(found) == ["beside", "yes"] if beside else found == ["yes"]
    assert (did, omium.get("t").status) == ({"node": 2}, "completed")


def test_an_effect_in_doubt_is_no_failure_of_its_node(store: Path) -> None:
    @omium.effect
    async def pay() -> str:
        did["pay"] += 1
        await asyncio.Event().wait()
        return "never"

    async def impatient(_: Log) -> Any:
        return {"log": [await asyncio.wait_for(pay(), 0.2)]}

    built = graph(store, impatient)
    with pytest.raises(omium.Waiting, match="did pay at t@"):
        run(built, {"log": []}, True)
    assert (did, omium.get("t").status) == ({"pay": 1}, "waiting")
    omium.answer("t", "receipt by hand")
    assert run(built, None, True)["log"] == ["receipt by hand"]
    assert did == {"pay": 1}


@pytest.mark.parametrize("retries", [True, False])
def test_an_effect_under_way_when_its_node_is_cut_off_is_in_doubt(store: Path, retries: bool) -> None:
    """The next attempt asks; without one the node has failed, and its handler answers that."""

    @omium.effect
    async def pay() -> str:
        did["pay"] += 1
        await asyncio.Event().wait()
        return "never"

    async def node(_: Log) -> Any:
        return {"log": [await pay()]}

    options = EVERYTHING if retries else {"error_handler": handler}
    builder = StateGraph(Log).add_node("node", node, timeout=0.3, **options).add_edge(START, "node")
    built = builder.add_edge("node", END).compile(checkpointer=Saver(store))
    if not retries:
        assert run(built, {"log": []}, True)["log"] == ["handled"]
        assert (did, [each.state for each in omium.get("t").effects()]) == ({"pay": 1, "handler": 1}, ["in doubt"])
        return
    with pytest.raises(omium.Waiting, match="did pay at t@"):
        run(built, {"log": []}, True)
    assert (did, omium.get("t").status) == ({"pay": 1}, "waiting")
    omium.answer("t", "receipt by hand")
    assert run(built, None, True)["log"] == ["receipt by hand"]
    assert did == {"pay": 1}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_an_execution_within_a_node_asks_is_no_failure_of_the_node(store: Path, asynchronous: bool) -> None:
    def node(_: Log) -> Any:
        did["node"] += 1
        with omium.execution("within"):
            return {"log": [omium.ask("sure?")]}

    built = graph(store, node)
    with pytest.raises(omium.Waiting, match="sure"):
        run(built, {"log": []}, asynchronous)
    assert (did, omium.get("within").status) == ({"node": 1}, "waiting")
    omium.answer("within", "yes")
    assert run(built, None, asynchronous)["log"] == ["yes"]
    assert (did, omium.get("t").status) == ({"node": 2}, "completed")


def test_nor_is_anything_else_that_ends_an_execution(store: Path) -> None:
    @omium.step
    def think() -> None:
        did["step"] += 1
        raise omium.exceptions.BudgetExceeded("spent")

    def node(_: Log) -> Any:
        think()
        return {"log": []}

    built = graph(store, node)
    with pytest.raises(omium.exceptions.BudgetExceeded, match="spent"):
        built.invoke({"log": []}, CONFIG)
    assert (did, omium.get("t").status) == ({"step": 1}, "failed")
    assert built.get_state(CONFIG).tasks, "the node is still to run"


def test_a_failure_is_the_handler_s_still(store: Path) -> None:
    def node(_: Log) -> Any:
        did["node"] += 1
        raise ConnectionError("down")

    assert graph(store, node).invoke({"log": []}, CONFIG)["log"] == ["handled"]
    assert did == {"node": 3, "handler": 1}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_node_that_swallows_it_is_not_saved(store: Path, asynchronous: bool) -> None:
    def node(_: Log) -> Any:
        try:
            return {"log": [omium.ask("sure?")]}
        except Exception:
            return {"log": ["swallowed"]}

    built = graph(store, node)
    with pytest.raises(omium.Waiting):
        run(built, {"log": []}, asynchronous)
    assert omium.get("t").status == "waiting"
    omium.answer("t", "yes")
    assert run(built, None, asynchronous)["log"] == ["yes"]


def test_it_stays_what_it_is() -> None:
    error = omium.Waiting("sure?", execution="t", seq=3)
    let_through(error)
    kind = type(error)
    assert (kind.__name__, kind.__qualname__, kind.__module__) == ("Waiting", "Waiting", "omium.exceptions")
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), as_failure(error)):
        assert type(other) is omium.Waiting
        assert (str(other), other.execution, other.seq) == ("sure?", "t", 3)
    for each in omium.exceptions.__all__:
        other = getattr(omium.exceptions, each)("message")
        let_through(other)
        assert isinstance(other, getattr(omium.exceptions, each))
        assert (str(other), str(as_failure(other))) == ("message", "message")
    let_through(passing(error))
    for both in (error, passing(error)):
        assert (type(as_failure(both)), type(pickle.loads(pickle.dumps(both)))) == (omium.Waiting, omium.Waiting)
    plain = ValueError()
    let_through(plain)
    assert type(plain) is ValueError
