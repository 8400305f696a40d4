"""A LangGraph agent: plan, then search and read page after page, then write.

    python agent.py agent-1

omium is in two places: the checkpointer, and `None` as the input of a thread that is under way.
"""

import sys
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from omium.demo.local_model import ask, essay

QUESTION = "How do agents survive a crash?"
TOPICS = ["crashes", "checkpoints", "leases", "side effects", "replay"]


class State(MessagesState):
    """The conversation, and what the agent makes of it."""

    topics: list[str]
    report: str


@tool
def search(topic: str) -> str:
    """Finds the title of a page on a topic."""
    return f"A handbook of {topic}"


@tool
def read(title: str) -> str:
    """Reads a whole page."""
    return essay(title, 150)


class LocalChat(BaseChatModel):
    """Asks for a search and a page on every topic in turn, as a tool-calling model would."""

    @property
    def _llm_type(self) -> str:
        return "local"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        found = [str(message.content) for message in messages if isinstance(message, ToolMessage)]
        topic = TOPICS[min(len(found) // 2, len(TOPICS) - 1)]
        if len(found) == 2 * len(TOPICS):
            call, text = None, ask("enough read?", answer="I have read enough.")
        elif len(found) % 2 == 0:
            call, text = ("search", {"topic": topic}), ask(f"what to look for on {topic}")
        else:
            call, text = ("read", {"title": found[-1]}), ask(f"what to read on {topic}")
        calls = [{"name": call[0], "args": call[1], "id": f"call-{len(found)}"}] if call else []
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text, tool_calls=calls))])


def plan(state: State) -> dict[str, Any]:
    """One model call."""
    topics = ask(f"plan: {state['messages'][0].content}", answer="\n".join(TOPICS))
    return {"topics": topics.splitlines()}


def agent(state: State) -> dict[str, Any]:
    """One model call."""
    return {"messages": [LocalChat().invoke(state["messages"])]}


def write(state: State) -> dict[str, Any]:
    """One model call, on everything that was read."""
    pages = [str(message.content) for message in state["messages"] if isinstance(message, ToolMessage)]
    return {"report": "\n\n".join([f"# {QUESTION}", *pages, ask("write the report")])}


def build() -> StateGraph[State]:
    """The graph, not yet compiled: any checkpointer can be given to it."""
    builder = StateGraph(State)
    builder.add_node(plan)
    builder.add_node(agent)
    builder.add_node("tools", ToolNode([search, read]))
    builder.add_node(write)
    builder.add_edge(START, "plan")
    builder.add_edge("plan", "agent")
    builder.add_conditional_edges("agent", tools_condition, {"tools": "tools", END: "write"})
    builder.add_edge("tools", "agent")
    builder.add_edge("write", END)
    return builder


def run(checkpointer: Any, thread: str) -> None:
    """Begins the thread, or goes on with it; says what each node did."""
    graph = build().compile(checkpointer=checkpointer)
    config: Any = {"configurable": {"thread_id": thread}}
    under_way = graph.get_state(config).tasks
    given: Any = None if under_way else {"messages": [HumanMessage(QUESTION)]}
    # durability="sync": a node begins when the checkpoint before it is on disk.
    for update in graph.stream(given, config, stream_mode="updates", durability="sync"):
        for node, change in update.items():
            print(f"{node}: {describe(change)}", flush=True)
    Path(f"{thread}.md").write_text(graph.get_state(config).values["report"], encoding="utf-8")


def describe(change: dict[str, Any]) -> str:
    """What a node did, in a few words."""
    if "topics" in change:
        return f"{len(change['topics'])} topics"
    if "report" in change:
        return f"{len(change['report'].split())} words"
    message = change["messages"][-1]
    calls = [f"{call['name']}({', '.join(call['args'].values())})" for call in getattr(message, "tool_calls", ())]
    return ", ".join(calls) or f"{len(message.content)} characters"


if __name__ == "__main__":
    import omium.langgraph

    run(omium.langgraph.Saver(), sys.argv[1])
