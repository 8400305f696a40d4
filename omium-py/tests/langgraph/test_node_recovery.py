"""Conditions, policies and detectors of steps in the nodes of a graph."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph

import omium

CONFIG: Any = {"configurable": {"thread_id": "t"}}


class State(TypedDict, total=False):
    plan: str
    text: str


def graph(ran: Counter[str], policy: Any, *, together: bool = False) -> Any:
    """A plan that is bad until it is told why, and a text that passes its check when the plan is good."""

    @omium.step
    def plan() -> str:
        ran["plan"] += 1
        return "good" if omium.failure() else "bad"

    @omium.step(postconditions=["result == 'GOOD'"], recovery=policy)
    def write(plan: str) -> str:
        ran["write"] += 1
        if ran["fixed"]:
            return "GOOD"
        return plan.upper()

    def first(state: State) -> State:
        if together:
            return {"plan": "", "text": write(plan())}
        return {"plan": plan()}

    def second(state: State) -> State:
        return {"text": state["text"] if together else write(state["plan"])}

    builder = StateGraph(State)
    builder.add_node("first", first)
    builder.add_node("second", second)
    builder.add_edge(START, "first")
    builder.add_edge("first", "second")
    builder.add_edge("second", END)
    return builder.compile(checkpointer=omium.langgraph.Saver())


@pytest.mark.parametrize("together", [False, True])
def test_a_rollback_is_passed_over_and_said_to_be(ran: Counter[str], together: bool) -> None:
    made = graph(ran, ["rollback:plan"], together=together)
    with pytest.raises(omium.PostconditionFailed):
        made.invoke({}, CONFIG, durability="sync")
    (failure,) = omium.get("t").failures()
    assert (failure.step, failure.type, failure.recovery, failure.live) == ("write", "failed_check", "fail", True)
    assert failure.passed_over == "a host framework runs it"
    assert omium.get("t").status == "failed"
    ran["fixed"] = 1
    assert made.invoke(None, CONFIG)["text"] == "GOOD"
    assert ran["plan"] == 1


@pytest.mark.parametrize("together", [False, True])
def test_the_next_rung_asks_a_person(ran: Counter[str], together: bool) -> None:
    made = graph(ran, ["rollback:plan", "ask"], together=together)
    with pytest.raises(omium.Waiting):
        made.invoke({}, CONFIG, durability="sync")
    run = omium.get("t")
    assert run.status == "waiting"
    (question,) = run.questions()
    assert question.text.startswith("write failed: PostconditionFailed")
    with pytest.raises(omium.Waiting):
        made.invoke(None, CONFIG)
    run.answer("retry")
    with pytest.raises(omium.Waiting):
        made.invoke(None, CONFIG)
    assert (ran["plan"], ran["write"]) == (1, 2)
    run.answer({"value": "by hand"})
    assert made.invoke(None, CONFIG)["text"] == "by hand"
    assert (ran["plan"], ran["write"], run.status) == (1, 2, "completed")


def test_one_goes_back_by_hand_and_the_graph_goes_on_from_there(ran: Counter[str]) -> None:
    made = graph(ran, ["rollback:plan"])
    with pytest.raises(omium.PostconditionFailed):
        made.invoke({}, CONFIG, durability="sync")
    run = omium.get("t")
    (plan,) = [each for each in run.checkpoints() if each.name == "plan"]
    run.rollback(plan.seq - 1)
    ran["fixed"] = 1
    assert made.invoke(None, CONFIG)["text"] == "GOOD"
    assert ran["plan"] == 2


def test_a_workflow_around_a_graph_repairs_what_is_before_it(ran: Counter[str]) -> None:
    made = graph(ran, None)

    @omium.step
    def prepare() -> str:
        ran["prepare"] += 1
        if omium.failure():
            ran["fixed"] = 1
        return "ready"

    @omium.workflow(recovery=["rollback:prepare"])
    def whole() -> str:
        prepare()
        return str(made.invoke({}, CONFIG, durability="sync")["text"])

    assert whole.options(id="w").start().result() == "GOOD"
    assert ran["prepare"] == 2


def test_retries_in_a_node_are_made_at_their_place(ran: Counter[str]) -> None:
    made = graph(ran, omium.Recovery(retry=omium.Retry(times=2, first=0)))
    with pytest.raises(omium.PostconditionFailed):
        made.invoke({}, CONFIG, durability="sync")
    (failure,) = omium.get("t").failures()
    assert (ran["write"], failure.attempts) == (3, 3)


def test_a_loop_over_nodes_is_found(ran: Counter[str], store: Path) -> None:
    omium.init(store=store, detect=omium.Detect(repeats=0, loops=3, action="fail"))

    @omium.step
    def think() -> str:
        return "again"

    @omium.step
    def act() -> str:
        ran["act"] += 1
        return "nothing"

    builder = StateGraph(State)
    builder.add_node("think", lambda _: {"plan": think()})
    builder.add_node("act", lambda _: {"text": act()})
    builder.add_edge(START, "think")
    builder.add_edge("think", "act")
    builder.add_edge("act", "think")
    made = builder.compile(checkpointer=omium.langgraph.Saver())
    with pytest.raises(omium.Stuck, match="think → act, 3 times"):
        made.invoke({}, CONFIG, durability="sync")
    assert ran["act"] == 2


def test_a_step_that_hangs_in_a_node_is_given_up(ran: Counter[str], store: Path) -> None:
    omium.init(store=store, detect=omium.Detect(stall=0.3, action="fail"))

    @omium.step
    def work() -> str:
        ran["work"] += 1
        if ran["work"] == 1:
            threading.Event().wait()
        return "done"

    builder = StateGraph(State)
    builder.add_node("work", lambda _: {"text": work()})
    builder.add_edge(START, "work")
    builder.add_edge("work", END)
    made = builder.compile(checkpointer=omium.langgraph.Saver())
    with pytest.raises(omium.Stuck, match="work runs"):
        made.invoke({}, CONFIG, durability="sync")
    run = omium.get("t")
    assert [(each.type, each.step) for each in run.failures()] == [("stuck", "work")]
    assert made.invoke(None, CONFIG)["text"] == "done"
    assert run.status == "completed"
