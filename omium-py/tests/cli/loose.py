"""A program without a workflow, or a graph with GRAPH=1. BAD=1: the search finds nothing, so the check fails."""

import os
import sys
import threading
from contextvars import copy_context
from pathlib import Path
from typing import Any, TypedDict

import omium

BAD = "BAD" in os.environ


def outside(what: str) -> None:
    with Path("outside").open("a") as file:
        file.write(what + "\n")


@omium.step
def search(topic: str) -> list[str]:
    return ["spam"] if BAD else [f"{topic} make honey", f"{topic} dance"]


@omium.effect
def notify(text: str) -> str:
    outside("notified")
    return "sent"


@omium.step(postconditions=["result.contains('honey')"])
def write(sources: list[str]) -> str:
    return "; ".join(sources)


def work(topic: str) -> None:
    text = write(search(topic))
    # In a thread of its own, as frameworks do: the experiment must hold there as well.
    thread = threading.Thread(target=copy_context().run, args=(notify, text))
    thread.start()
    thread.join()


class State(TypedDict, total=False):
    topic: str
    sources: list[str]
    text: str


def compiled() -> Any:
    from langgraph.graph import END, START, StateGraph

    def find(state: State) -> State:
        return {"sources": search(state["topic"])}

    def tell(state: State) -> State:
        text = write(state["sources"])
        notify(text)
        return {"text": text}

    builder = StateGraph(State)
    builder.add_node("find", find)
    builder.add_node("tell", tell)
    builder.add_edge(START, "find")
    builder.add_edge("find", "tell")
    builder.add_edge("tell", END)
    return builder.compile(checkpointer=omium.langgraph.Saver(store=str(Path(".omium").absolute())))


if "GRAPH" in os.environ:
    graph = compiled()

if __name__ == "__main__":
    id, topic = sys.argv[1:]
    if "GRAPH" in os.environ:
        graph.invoke({"topic": topic}, {"configurable": {"thread_id": id}}, durability="sync")
        sys.exit()
    omium.init(store=Path(".omium").absolute())
    with omium.execution(id, workflow="loose"):
        work(topic)
    sys.exit(0)
