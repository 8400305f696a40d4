"""Steps within steps, a step that is tried again, and a LangGraph thread with a subgraph and a fork in it."""

import sys
from typing import TypedDict

from langgraph.graph import START, StateGraph

import omium
import omium.langgraph

failures = []


@omium.step(retries=3)
def flaky(number):
    if len(failures) < 2:
        failures.append(number)
        raise ConnectionError("503 from the provider")
    return number


@omium.step
def inner(text):
    return text.upper()


@omium.step
def outer(text):
    return [inner(text), inner(text), inner("other")]


@omium.workflow
def nest(text):
    first, second = outer(text), outer(text)
    return [first, second, flaky(1)]


class State(TypedDict):
    x: int


def more(state):
    return {"x": state["x"] + 1}


def build():
    within = StateGraph(State)
    within.add_node("a", more)
    within.add_node("b", more)
    within.add_edge(START, "a")
    within.add_edge("a", "b")
    builder = StateGraph(State)
    builder.add_node("first", more)
    builder.add_node("sub", within.compile())
    builder.add_edge(START, "first")
    builder.add_edge("first", "sub")
    return builder


if __name__ == "__main__" and sys.argv[1] == "nest":
    nest.options(id="nest").start("text")
elif __name__ == "__main__":
    graph = build().compile(checkpointer=omium.langgraph.Saver())
    config = {"configurable": {"thread_id": "subs"}}
    graph.invoke({"x": 1}, config, durability="sync")
    before_sub = next(state for state in graph.get_state_history(config) if state.next == ("sub",))
    graph.update_state(before_sub.config, {"x": 100})
