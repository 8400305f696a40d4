"""A LangGraph agent that asks before it orders, and once more after: it goes on where it stopped, whatever stopped it.

    python langgraph_approval.py           run it: it stops and asks
    python langgraph_approval.py yes       answer, and it goes on to the next question or to its end

`omium torture --answer yes langgraph_approval.py` kills it everywhere, before the questions, between them and after.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Interrupt, interrupt

import omium
from omium.langgraph import Saver

ORDERS = Path("orders.txt")


class State(TypedDict, total=False):
    topic: str
    plan: str
    receipt: str
    kept: bool


def find_order(item: str) -> str | None:
    placed = ORDERS.read_text().splitlines() if ORDERS.exists() else []
    return f"receipt for {item}" if item in placed else None


@omium.effect(probe=find_order)
def order(item: str) -> str:
    print(f"  ordering {item}")
    with ORDERS.open("a") as book:
        book.write(item + "\n")
        book.flush()
        os.fsync(book.fileno())
    return f"receipt for {item}"


@omium.step
def think(topic: str) -> str:
    print(f"  thinking about {topic}")
    return f"a week in {topic}"


def plan(state: State) -> State:
    return {"plan": think(state["topic"])}


def buy(state: State) -> State:
    if interrupt(f"Order {state['plan']}?") != "yes":
        return {"kept": False}
    receipt = order(state["plan"])
    # LangGraph runs the node again from its beginning for this one; the order is answered from the record.
    return {"receipt": receipt, "kept": interrupt(f"Keep the {receipt}?") == "yes"}


def ask(interrupts: Iterable[Interrupt]) -> None:
    for each in interrupts:
        print(f"{each.value}  (answer it: python {sys.argv[0]} yes)")


def main() -> None:
    builder = StateGraph(State)
    builder.add_node("plan", plan)
    builder.add_node("buy", buy)
    builder.add_edge(START, "plan")
    builder.add_edge("plan", "buy")
    builder.add_edge("buy", END)
    graph = builder.compile(checkpointer=Saver(".omium"))

    thread = {"configurable": {"thread_id": "trip-2"}}
    begun = graph.get_state(thread)
    given: Command[str] | State | None = {"topic": "Lisbon"}
    if begun.interrupts and sys.argv[1:]:
        given = Command(resume=sys.argv[1])
    elif begun.interrupts:
        # Not None, which LangGraph would take for the last answer once more.
        ask(begun.interrupts)
        return
    elif begun.tasks:
        # None as the input says: go on where the thread stands.
        given = None
    elif begun.values:
        print("finished before:", begun.values)
        return
    result = graph.invoke(given, thread, durability="sync")
    ask(result.get("__interrupt__", ()))
    if "kept" in result:
        print("kept" if result["kept"] else "not kept")


if __name__ == "__main__":
    main()
