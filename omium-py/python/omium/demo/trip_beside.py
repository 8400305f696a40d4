"""The same travel agent in LangGraph on langgraph-checkpoint-sqlite, to compare with.

python trip_beside.py trip-1
"""

import sys
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

from omium.demo import payments
from omium.demo.hotels import choose, price


class Trip(TypedDict, total=False):
    city: str
    hotels: list[str]
    booked: dict[str, str | int]
    receipt: str


def search(state: Trip) -> Trip:
    """One model call."""
    return {"hotels": choose(f"hotels in {state['city']}")}


def book(state: Trip) -> Trip:
    """One model call."""
    hotel, nights = choose(f"book one of {', '.join(state['hotels'])} for 3 nights")
    return {"booked": {"hotel": hotel, "nights": int(nights)}}


def pay(state: Trip) -> Trip:
    """The card is charged."""
    return {"receipt": payments.charge(price(state["booked"]), "no key survives here")}


if __name__ == "__main__":
    builder = StateGraph(Trip)
    for node in (search, book, pay):
        builder.add_node(node)
    builder.add_edge(START, "search")
    builder.add_edge("search", "book")
    builder.add_edge("book", "pay")
    builder.add_edge("pay", END)
    with SqliteSaver.from_conn_string("trip.db") as saver:
        graph = builder.compile(checkpointer=saver)
        config: Any = {"configurable": {"thread_id": sys.argv[1]}}
        given: Any = None if graph.get_state(config).tasks else {"city": "Lisbon"}
        for update in graph.stream(given, config, stream_mode="updates", durability="sync"):
            print(f"{', '.join(update)}: done", flush=True)
