"""Graphs that a node begins by itself are known by what they were given, and not by the order of their start."""

from __future__ import annotations

import asyncio
import operator
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from typing_extensions import TypedDict

import omium
from omium.langgraph import Saver

CONFIG: Any = {"configurable": {"thread_id": "t"}}
did: Counter[str] = Counter()
runs: list[str] = []


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


class Topic(Log):
    topic: str


@pytest.fixture(autouse=True)
def calm(store: Path) -> None:  # The store comes first.
    did.clear()
    runs.clear()


@omium.effect
def pay(what: str) -> str:
    did[what] += 1
    return f"{what} {did[what]}"


@omium.effect
async def apay(what: str) -> str:
    did[what] += 1
    return f"{what} {did[what]}"


def agent(saves: Any = None, name: str = "agent", asynchronous: bool = True) -> Any:
    async def awork(state: Topic) -> Any:
        return {"log": [await apay(state["topic"])]}

    def work(state: Topic) -> Any:
        return {"log": [pay(state["topic"])]}

    builder = StateGraph(Topic, output_schema=Log).add_node("work", awork if asynchronous else work)
    return builder.add_edge(START, "work").add_edge("work", END).compile(checkpointer=saves, name=name)


def around(store: Path, node: Any, **options: Any) -> Any:
    builder = StateGraph(Log).add_node("all", node, **options).add_edge(START, "all").add_edge("all", END)
    return builder.compile(checkpointer=Saver(store))


async def in_order(started: list[Any]) -> list[str]:
    """The second time they start in reverse; what they return is in the order of `started`."""
    runs.append("run")
    answers: list[str] = [""] * len(started)

    async def start(at: int) -> None:
        answers[at] = (await started[at]())["log"][0]

    order = [*range(len(started))]
    await asyncio.gather(*map(start, order if len(runs) == 1 else order[::-1]))
    return answers


def once() -> None:
    if len(runs) == 1:
        raise ConnectionError("once")


# With True LangGraph refuses several of them in one node.
@pytest.mark.parametrize("saves", [None, False])
async def test_gathered_in_another_order_repeats_nothing(store: Path, saves: Any) -> None:
    async def everybody(_: Log) -> Any:
        below = agent(saves)
        log = await in_order([lambda what=what: below.ainvoke({"topic": what, "log": []}) for what in "abc"])
        once()
        return {"log": log}

    built = around(store, everybody)
    with pytest.raises(ConnectionError):
        await built.ainvoke({"log": []}, CONFIG, durability="exit")
    assert (await built.ainvoke(None, CONFIG, durability="exit"))["log"] == ["a 1", "b 1", "c 1"]
    assert did == {"a": 1, "b": 1, "c": 1}


def test_threads_that_start_in_another_order_repeat_nothing(store: Path) -> None:
    def everybody(_: Log) -> Any:
        runs.append("run")
        below = agent(False, asynchronous=False)
        topics = "ab" if len(runs) == 1 else "ba"
        with ThreadPoolExecutor(1) as pool:
            begun = [pool.submit(copy_context().run, below.invoke, {"topic": topic, "log": []}) for topic in topics]
            log = sorted(each.result()["log"][0] for each in begun)
        once()
        return {"log": log}

    built = around(store, everybody)
    with pytest.raises(ConnectionError):
        built.invoke({"log": []}, CONFIG)
    assert built.invoke(None, CONFIG)["log"] == ["a 1", "b 1"]


@pytest.mark.parametrize("saves", [None, False])
async def test_the_retry_policy_of_the_node_around_repeats_nothing(store: Path, saves: Any) -> None:
    async def everybody(_: Log) -> Any:
        below = agent(saves)
        log = await in_order([lambda what=what: below.ainvoke({"topic": what, "log": []}) for what in "ab"])
        once()
        return {"log": log}

    again = RetryPolicy(initial_interval=0.001, jitter=False)
    built = around(store, everybody, retry_policy=again)
    assert (await built.ainvoke({"log": []}, CONFIG, durability="exit"))["log"] == ["a 1", "b 1"]


async def test_equal_ones_are_each_their_own(store: Path) -> None:
    async def everybody(_: Log) -> Any:
        below = agent(False)
        log = await in_order([lambda: below.ainvoke({"topic": "a", "log": []})] * 2)
        once()
        return {"log": sorted(log)}

    built = around(store, everybody)
    with pytest.raises(ConnectionError):
        await built.ainvoke({"log": []}, CONFIG)
    assert (await built.ainvoke(None, CONFIG))["log"] == ["a 1", "a 2"]
    assert did == {"a": 2}


async def test_graphs_with_names_are_told_apart_by_them(store: Path) -> None:
    """Given the same, and made of nodes of the same names."""

    def speaker(name: str) -> Any:
        async def work(_: Topic) -> Any:
            return {"log": [await apay(name)]}

        builder = StateGraph(Topic, output_schema=Log).add_node("work", work).add_edge(START, "work")
        return builder.compile(checkpointer=False, name=name)

    async def everybody(_: Log) -> Any:
        speakers = [speaker("writer"), speaker("critic")]
        log = await in_order([lambda each=each: each.ainvoke({"topic": "same", "log": []}) for each in speakers])
        once()
        return {"log": log}

    built = around(store, everybody)
    with pytest.raises(ConnectionError):
        await built.ainvoke({"log": []}, CONFIG)
    assert (await built.ainvoke(None, CONFIG))["log"] == ["writer 1", "critic 1"]


async def test_messages_are_the_same_though_their_ids_are_new(store: Path) -> None:
    """A graph gives the messages of its input ids as it takes them."""

    async def work(state: MessagesState) -> Any:
        return {"messages": [await apay(str(state["messages"][0].content))]}

    below = StateGraph(MessagesState).add_node("work", work).add_edge(START, "work").compile(checkpointer=False)

    async def everybody(_: Log) -> Any:
        async def start(what: str) -> Any:
            found = await below.ainvoke({"messages": [HumanMessage(what)]})
            return {"log": [found["messages"][-1].content]}

        log = await in_order([lambda: start("a"), lambda: start("b")])
        once()
        return {"log": log}

    built = around(store, everybody)
    with pytest.raises(ConnectionError):
        await built.ainvoke({"log": []}, CONFIG)
    assert (await built.ainvoke(None, CONFIG))["log"] == ["a 1", "b 1"]


async def test_one_within_another(store: Path) -> None:
    async def inner(state: Topic) -> Any:
        topics = [state["topic"] + "1", state["topic"] + "2"]
        below = agent(False)
        found = await asyncio.gather(
            *(below.ainvoke({"topic": topic, "log": []}) for topic in (topics if len(runs) == 1 else topics[::-1]))
        )
        return {"log": [" ".join(sorted(each["log"][0].split()[0] for each in found))]}

    middle = StateGraph(Topic, output_schema=Log).add_node("work", inner).add_edge(START, "work")
    between = middle.compile(checkpointer=False)

    async def everybody(_: Log) -> Any:
        log = await in_order([lambda what=what: between.ainvoke({"topic": what, "log": []}) for what in "ab"])
        once()
        return {"log": log}

    built = around(store, everybody)
    with pytest.raises(ConnectionError):
        await built.ainvoke({"log": []}, CONFIG)
    assert (await built.ainvoke(None, CONFIG))["log"] == ["a1 a2", "b1 b2"]
    assert did == {"a1": 1, "a2": 1, "b1": 1, "b2": 1}


async def test_one_that_goes_on_from_its_checkpoint_keeps_what_it_did(store: Path) -> None:
    """LangGraph gives a checkpoint to whoever comes in the place of its first owner, whatever that one was given."""

    async def work(state: Topic) -> Any:
        paid = await apay(state["topic"])
        return {"log": [f"{paid} {interrupt(state['topic'])}"]}

    below = StateGraph(Topic, output_schema=Log).add_node("work", work).add_edge(START, "work").compile()

    async def everybody(_: Log) -> Any:
        log = await in_order([lambda what=what: below.ainvoke({"topic": what, "log": []}) for what in "ab"])
        return {"log": sorted(log)}

    built = around(store, everybody)
    await built.ainvoke({"log": []}, CONFIG, durability="sync")
    asked = {each.id: f"answer to {each.value}" for each in (await built.aget_state(CONFIG)).interrupts}
    while asked:
        found = await built.ainvoke(Command(resume=asked), CONFIG, durability="sync")
        asked = {each.id: f"answer to {each.value}" for each in (await built.aget_state(CONFIG)).interrupts}
    assert found["log"] == ["a 1 answer to a", "b 1 answer to b"]
    assert did == {"a": 1, "b": 1}
