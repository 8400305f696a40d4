"""A LangGraph agent that goes on where it died: the checkpointer is the only change.

    python langgraph_agent.py            run it, as often as you like
    python langgraph_agent.py --crash    the process dies before the last node; run it again to see it go on

`omium torture langgraph_agent.py` kills it everywhere else.
"""

import os
import sys
from typing import TypedDict

from langgraph.graph import END, START, StateGraph

from omium.langgraph import Saver


class State(TypedDict, total=False):
    topic: str
    sources: list[str]
    report: str


def search(state: State) -> State:
    print(f"  searching for {state['topic']}")
    return {"sources": [f"{state['topic']}: a survey", f"{state['topic']}: a handbook"]}


def write(state: State) -> State:
    if "--crash" in sys.argv:
        os.abort()
    print("  writing")
    return {"report": f"A report on {' and '.join(state['sources'])}."}


def main() -> None:
    builder = StateGraph(State)
    builder.add_node(search)
    builder.add_node(write)
    builder.add_edge(START, "search")
    builder.add_edge("search", "write")
    builder.add_edge("write", END)
    graph = builder.compile(checkpointer=Saver(".omium"))

    thread = {"configurable": {"thread_id": "report-42"}}
    begun = graph.get_state(thread)
    # Killed between a node's writes and the state that follows, the thread has values and a task that is not over.
    if begun.values and not begun.tasks:
        print("finished before:", begun.values["report"])
    else:
        # None as the input says: go on where the thread stands.
        result = graph.invoke(None if begun.tasks else {"topic": "durable agents"}, thread, durability="sync")
        print(result["report"])
    print(f"  {len(list(graph.get_state_history(thread)))} checkpoints; omium log report-42 shows them")


if __name__ == "__main__":
    main()
