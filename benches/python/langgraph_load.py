"""What the LangGraph benchmarks run: a chat of messages of one size, and two big states."""

from __future__ import annotations

import itertools
import random
import string
import time
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage
from langgraph.checkpoint.base.id import uuid6
from langgraph.graph import END, START, StateGraph, add_messages
from typing_extensions import TypedDict

MESSAGE_BYTES = 1000
TEXT = string.ascii_letters + string.digits + "  "


def text(size: int, seed: object) -> str:
    return "".join(random.Random(str(seed)).choices(TEXT, k=size))


def message(number: int) -> AIMessage:
    return AIMessage(text(MESSAGE_BYTES, number), id=f"message-{number}")


class Chat(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def chat(saver: Any, steps: int) -> list[float]:
    """Seconds of each superstep of a graph whose one node adds a message `steps` times."""
    messages = [message(number) for number in range(steps)]
    began: list[float] = []

    def say(_: Chat) -> dict[str, Any]:
        began.append(time.perf_counter())
        return {"messages": [messages[len(began) - 1]]}

    builder = StateGraph(Chat)
    builder.add_node("say", say).add_edge(START, "say")
    builder.add_conditional_edges("say", lambda _: "say" if len(began) < steps else END, ["say", END])
    app = builder.compile(checkpointer=saver)
    where = {"configurable": {"thread_id": "chat"}, "recursion_limit": steps + 10}
    app.invoke({"messages": []}, where, durability=None if saver is None else "sync")
    began.append(time.perf_counter())
    return [later - earlier for earlier, later in itertools.pairwise(began)]


class Changing:
    """A 10 MB state that is put again and again with one small change."""

    def __init__(self, kind: str, size: int = 10_000_000) -> None:
        self.kind = kind
        self.step = 0
        if kind == "channels":
            self.values: dict[str, Any] = {f"channel {n}": text(size // 10, n) for n in range(10)}
        else:
            self.values = {"messages": [message(n) for n in range(size // MESSAGE_BYTES)]}
        self.versions = dict.fromkeys(self.values, 1)

    def change(self) -> dict[str, int]:
        """Makes the next change; returns the new versions."""
        self.step += 1
        if self.kind == "channels":
            name, old = "channel 3", self.values["channel 3"]
            middle = len(old) // 2
            self.values = {**self.values, name: old[:middle] + text(100, f"change {self.step}") + old[middle + 100 :]}
        else:
            name = "messages"
            self.values = {name: [*self.values[name], message(-self.step)]}
        self.versions = {**self.versions, name: self.step + 1}
        return {name: self.step + 1}

    def checkpoint(self) -> Any:
        return {
            "v": 4,
            "id": str(uuid6(clock_seq=self.step)),
            "ts": "2026-01-01T00:00:00+00:00",
            "channel_values": self.values,
            "channel_versions": self.versions,
            "versions_seen": {},
            "updated_channels": None,
        }
