"""A LangGraph agent whose tools act on the world: a card is charged once, wherever the program dies.

    python langgraph_tools.py            run it, as often as you like; look at bank.txt and mail.txt
    python langgraph_tools.py --crash    the process dies right after the charge; run it again to see it go on

`omium torture langgraph_tools.py` kills it everywhere else, inside the nodes and the tools too.
"""

import os
import sys
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

import omium
from omium.langgraph import Saver

BANK, MAIL = Path("bank.txt"), Path("mail.txt")


def note(file: Path, line: str) -> None:
    """Stands for a service on the net: what it does stays done."""
    with file.open("a") as book:
        book.write(line + "\n")
        book.flush()
        os.fsync(book.fileno())


def find(file: Path, line: str) -> str | None:
    return f"done: {line}" if file.exists() and line in file.read_text().splitlines() else None


def find_charge(flight: str, euros: int) -> str | None:
    return find(BANK, f"charged {euros} for {flight}")


def find_mail(to: str, text: str) -> str | None:
    return find(MAIL, f"{to}: {text}")


def search_flights(city: str) -> str:
    """Flights to a city, with their prices in euros."""
    print(f"  searching for flights to {city}")
    return f"TP531 to {city}, 189"


@omium.effect(probe=find_charge)
def charge_card(flight: str, euros: int) -> str:
    """Charges the customer's card."""
    print(f"  charging {euros} for {flight}")
    note(BANK, f"charged {euros} for {flight}")
    if "--crash" in sys.argv:
        os.abort()
    return f"done: charged {euros} for {flight}"


@omium.effect(probe=find_mail)
def send_mail(to: str, text: str) -> str:
    """Sends a mail."""
    print(f"  mailing {to}")
    note(MAIL, f"{to}: {text}")
    return f"done: {to}: {text}"


class Clerk(BaseChatModel):
    """Answers as a model would that was asked to book a trip; it needs no network."""

    @property
    def _llm_type(self) -> str:
        return "clerk"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        told = [message.content for message in messages if isinstance(message, ToolMessage)]
        calls: list[tuple[str, dict[str, Any]]] = []
        if not told:
            calls = [("search_flights", {"city": "Lisbon"})]
        elif len(told) == 1:
            # Two tools in one turn: LangGraph runs them side by side.
            calls = [
                ("charge_card", {"flight": "TP531", "euros": 189}),
                ("send_mail", {"to": "ada@example.com", "text": "TP531 to Lisbon is yours."}),
            ]
        asked = [{"name": name, "args": args, "id": f"{name}-1"} for name, args in calls]
        answer = AIMessage("" if asked else f"Booked: {told[-2]}.", tool_calls=asked)
        return ChatResult(generations=[ChatGeneration(message=answer)])


def think(state: MessagesState) -> dict[str, list[BaseMessage]]:
    return {"messages": [Clerk().invoke(state["messages"])]}


def main() -> None:
    builder = StateGraph(MessagesState)
    builder.add_node("think", think)
    builder.add_node("tools", ToolNode([search_flights, charge_card, send_mail]))
    builder.add_edge(START, "think")
    builder.add_conditional_edges("think", tools_condition)
    builder.add_edge("tools", "think")
    graph = builder.compile(checkpointer=Saver(".omium"))

    thread = {"configurable": {"thread_id": "trip-1"}}
    begun = graph.get_state(thread)
    if begun.values and not begun.tasks:
        print("finished before:", begun.values["messages"][-1].content)
        return
    # None as the input says: go on where the thread stands.
    given = None if begun.tasks else {"messages": [("user", "Book me a flight to Lisbon.")]}
    print(graph.invoke(given, thread, durability="sync")["messages"][-1].content)


if __name__ == "__main__":
    main()
