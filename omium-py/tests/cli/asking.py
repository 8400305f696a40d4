"""A LangGraph thread that asks twice at once; what is given on the command line is a line to paste into it."""

import sys
from typing import TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt  # noqa: F401  # For what is pasted.

import omium.langgraph


class State(TypedDict, total=False):
    paid: str
    sent: str


builder = StateGraph(State).add_node("pay", lambda _: {"paid": interrupt({"pay": 90})}).add_edge(START, "pay")
if "alone" not in sys.argv:
    builder.add_node("send", lambda _: {"sent": interrupt("send it?")}).add_edge(START, "send")
graph = builder.compile(checkpointer=omium.langgraph.Saver())
if sys.argv[-1].startswith("graph."):
    print(eval(sys.argv[-1].replace("VALUE", "'yes'")))
else:
    graph.invoke({}, {"configurable": {"thread_id": "ask 1"}})
