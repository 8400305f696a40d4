"""LangGraph: its agent as one execution, as a thread of omium's saver, and within one node of such a thread."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import ToolMessage
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import create_react_agent
from one_agent import MODEL, TASK, given, run, take

from omium.langgraph import Saver

model = ChatOpenAI(model=MODEL, streaming=given.stream)


def step(n: int) -> str:
    """Takes one step."""
    return take(n)


def last(state: dict[str, Any]) -> str:
    return state["messages"][-1].content


def program() -> str:
    return last(create_react_agent(model, [step]).invoke({"messages": [("user", TASK)]}))


async def aprogram() -> str:
    return last(await create_react_agent(model, [step]).ainvoke({"messages": [("user", TASK)]}))


def node(state: MessagesState) -> dict[str, Any]:
    """A whole agent in one node: nothing of it is in a checkpoint before it ends."""
    talk, bound = list(state["messages"]), model.bind_tools([step])
    while True:
        said = bound.invoke(talk)
        talk.append(said)
        if not said.tool_calls:
            return {"messages": [said]}
        talk += [ToolMessage(step(**call["args"]), tool_call_id=call["id"]) for call in said.tool_calls]


def thread(saver: Saver) -> Any:
    if given.variant == "thread":
        return create_react_agent(model, [step], checkpointer=saver)
    graph = StateGraph(MessagesState).add_node("agent", node).add_edge(START, "agent")
    return graph.compile(checkpointer=saver)


if given.variant in ("thread", "node"):
    # No `with` block: nodes find their execution, the thread, by themselves.
    with Saver() as saver:
        graph = thread(saver)
        config: Any = {"configurable": {"thread_id": "agent"}}
        state = graph.get_state(config)
        begun = None if state.tasks else {"messages": [("user", TASK)]}
        ended = bool(state.values) and not state.tasks
        print("answer:", last(state.values if ended else graph.invoke(begun, config)))
else:
    run(aprogram if given.variant == "async" else program)
