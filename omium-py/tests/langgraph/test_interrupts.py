"""What a thread asks, read from its record, and an answer put there for the graph to go on with."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

import omium
from omium._omium import Store
from omium.langgraph import Saver
from omium.langgraph.interrupts import left_interrupts, resume

CONFIG: Any = {"configurable": {"thread_id": "t"}}


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def one(_: Log) -> Any:
    return {"log": [f"one {interrupt('one?')} {interrupt('and one?')}"]}


def two(_: Log) -> Any:
    return {"log": [f"two {interrupt({'ask': 'two?'})}"]}


def below(node: Any, saves: Any = None) -> Any:
    return StateGraph(Log).add_node("node", node).add_edge(START, "node").compile(checkpointer=saves)


@pytest.mark.parametrize("deep", [False, True])
def test_what_is_asked_at_once_and_one_after_the_other_is_answered(store: Path, deep: bool) -> None:
    builder = StateGraph(Log).add_node("one", below(below(one)) if deep else one).add_node("two", two)
    graph = builder.add_edge(START, "one").add_edge(START, "two").compile(checkpointer=Saver(store))
    graph.invoke({"log": []}, CONFIG)
    opened = Store(str(store))
    seen = []
    while asked := [each for each in left_interrupts(opened, "t") if each.asked]:
        seen.append([each.asked for each in asked])
        assert omium.get("t").status == "waiting"
        for each in asked:
            resume(opened, each, f"<{each.asked}>")
        assert omium.get("t").status == "running"
        assert {each.asked for each in left_interrupts(opened, "t")} == {""}
        state = graph.get_state(CONFIG)
        assert (state.interrupts, bool(state.tasks)) == ((), True)
        graph.invoke(None, CONFIG)
    assert seen == [["one?", "{'ask': 'two?'}"], ["and one?"]]
    assert sorted(graph.get_state(CONFIG).values["log"]) == ["one <one?> <and one?>", "two <{'ask': 'two?'}>"]
    assert omium.get("t").status == "completed"
    assert left_interrupts(opened, "t") == []


def test_one_that_has_ended_does_not_say_that_the_other_goes_on(store: Path) -> None:
    """Both are answered; the one asks again before the other ends."""
    saver = Saver(store)
    builder = StateGraph(Log).add_node("one", one).add_node("two", two).add_edge(START, "one").add_edge(START, "two")
    graph = builder.compile(checkpointer=saver)
    graph.invoke({"log": []}, CONFIG)
    asked = {each.id: "yes" for each in graph.get_state(CONFIG).interrupts}
    graph.invoke(Command(resume=asked), CONFIG)
    found = saver.get_tuple(CONFIG)
    assert found is not None
    done = next(write for write in found.pending_writes or () if write[1] == "log")
    saver.put_writes(found.config, [("__resume__", ["yes"]), ("log", ["two"])], done[0])
    assert omium.get("t").status == "waiting"
