"""A LangGraph thread for the tests of the command line."""

import operator
import sys
from typing import Annotated, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

import omium.langgraph


class State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]
    count: Annotated[int, operator.add]


def ask(state):
    return {"messages": [AIMessage("Shall I look it up?", id="ai-1")], "count": 1}


def look(state):
    return {"messages": [AIMessage("It is a log with a head.", id="ai-2")], "count": 1}


def build():
    builder = StateGraph(State)
    builder.add_node(ask)
    builder.add_node(look)
    builder.add_edge(START, "ask")
    builder.add_edge("ask", "look")
    builder.add_edge("look", END)
    return builder


def build_renamed():
    """The same graph after somebody renamed a node."""
    builder = StateGraph(State)
    builder.add_node(ask)
    builder.add_node("lookup", look)
    builder.add_edge(START, "ask")
    builder.add_edge("ask", "lookup")
    builder.add_edge("lookup", END)
    return builder


if __name__ == "__main__":
    graph = build().compile(checkpointer=omium.langgraph.Saver())
    question = HumanMessage("What is an execution?", id="human-1")
    graph.invoke({"messages": [question], "count": 0}, {"configurable": {"thread_id": sys.argv[1]}})
