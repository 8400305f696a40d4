"""What LangGraph hands to a node may be an argument: the call is found again when the node runs again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, ToolRuntime
from langgraph.runtime import Runtime
from langgraph.types import StreamWriter

import omium
from omium.langgraph import Saver

did: Counter[str] = Counter()


@dataclass
class Context:
    user: str


@omium.effect
def pay(what: str, handle: Any) -> str:
    did[what] += 1
    return f"paid {what}"


def with_config(state: MessagesState, config: RunnableConfig) -> str:
    return pay("config", config)


def with_runtime(state: MessagesState, runtime: Runtime[Context]) -> str:
    return pay("runtime", runtime)


def with_writer(state: MessagesState, writer: StreamWriter) -> str:
    return pay("writer", writer)


def graph(body: Any) -> Any:
    def node(*args: Any, **kwargs: Any) -> dict[str, Any]:
        said = body(*args, **kwargs)
        did["node"] += 1
        if did["node"] == 1:
            raise RuntimeError("it stops here")
        return {"messages": [("ai", said)]}

    node.__signature__ = __import__("inspect").signature(body, eval_str=True)  # type: ignore[attr-defined]
    builder = StateGraph(MessagesState, context_schema=Context)
    builder.add_node("node", node).add_edge(START, "node").add_edge("node", END)
    return builder.compile(checkpointer=Saver())


@pytest.mark.parametrize("body", [with_config, with_runtime, with_writer], ids=lambda body: body.__name__)
def test_the_effect_is_made_once(body: Any) -> None:
    did.clear()
    app = graph(body)
    where: Any = {"configurable": {"thread_id": "t", "user": "ann"}, "tags": ["first"]}
    with pytest.raises(RuntimeError):
        app.invoke({"messages": []}, where, context=Context("ann"))
    done = app.invoke(None, {**where, "tags": ["second"]}, context=Context("ann"))
    assert done["messages"][-1].content == f"paid {body.__name__[5:]}"
    assert did == {"node": 2, body.__name__[5:]: 1}


@pytest.mark.parametrize("body", [with_config, with_runtime], ids=lambda body: body.__name__)
def test_what_the_program_put_into_it_counts(body: Any) -> None:
    did.clear()
    app = graph(body)
    where: Any = {"configurable": {"thread_id": "t", "user": "ann"}}
    with pytest.raises(RuntimeError):
        app.invoke({"messages": []}, where, context=Context("ann"))
    where["configurable"]["user"] = "bob"
    app.invoke(None, where, context=Context("bob"))
    assert did[body.__name__[5:]] == 2


def test_the_runtime_of_a_tool() -> None:
    did.clear()

    @tool
    def order(what: str, runtime: ToolRuntime) -> str:
        """Orders something."""
        said = pay(what, runtime)
        did["tool"] += 1
        if did["tool"] == 1:
            raise RuntimeError("it stops here")
        return said

    builder = StateGraph(MessagesState)
    builder.add_node("tools", ToolNode([order], handle_tool_errors=False))
    builder.add_edge(START, "tools").add_edge("tools", END)
    app = builder.compile(checkpointer=Saver())
    asked = AIMessage("", tool_calls=[{"name": "order", "args": {"what": "tea"}, "id": "1"}], id="m1")
    where: Any = {"configurable": {"thread_id": "t"}}
    with pytest.raises(RuntimeError):
        app.invoke({"messages": [asked]}, where)
    assert app.invoke(None, where)["messages"][-1].content == "paid tea"
    assert did == {"tea": 1, "tool": 2}


def test_messages_count_as_the_same_when_they_come_from_the_store() -> None:
    """In the first run the node has those the program made, in the next those LangGraph has read."""
    did.clear()

    @omium.step
    def summarise(messages: list[Any]) -> str:
        did["summarise"] += 1
        return f"{len(messages)} messages"

    app = graph(lambda state: summarise(state["messages"]))
    where: Any = {"configurable": {"thread_id": "t"}}
    with pytest.raises(RuntimeError):
        app.invoke({"messages": [AIMessage("hello", id="m1")]}, where)
    assert app.invoke(None, where)["messages"][-1].content == "1 messages"
    assert did == {"node": 2, "summarise": 1}
