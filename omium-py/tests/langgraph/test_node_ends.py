"""However a graph is left, its thread can be run on at once, by this process or by another one."""

from __future__ import annotations

import asyncio
import operator
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

import omium
from omium.exceptions import InvalidInput
from omium.langgraph import Saver

CONFIG: Any = {"configurable": {"thread_id": "t"}}


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def graph(store: Path, node: Any) -> Any:
    builder = StateGraph(Log).add_node("node", node).add_node("after", lambda _: {"log": ["after"]})
    builder.add_edge(START, "node").add_edge("node", "after").add_edge("after", END)
    return builder.compile(checkpointer=Saver(store))


def owner() -> str | None:
    return omium.get("t").known().owner


def until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.01)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_the_lease_is_given_back_at_the_end(
    ran: Counter[str], store: Path, durability: Any, asynchronous: bool
) -> None:
    @omium.step
    def think(what: str) -> str:
        ran[what] += 1
        assert owner() is not None
        return what

    built = graph(store, lambda _: {"log": [think("x")]})
    if asynchronous:
        asyncio.run(built.ainvoke({"log": []}, CONFIG, durability=durability))
    else:
        built.invoke({"log": []}, CONFIG, durability=durability)
    assert (owner(), ran) == (None, {"x": 1})


def test_a_graph_that_was_cancelled_gives_its_lease_back(ran: Counter[str], store: Path) -> None:
    @omium.step
    async def think(what: str) -> str:
        ran[what] += 1
        return what

    async def node(_: Log) -> Any:
        thought = await think("x")
        thinking.set()
        if ran["x"] == 1 and not going_on:
            await asyncio.Event().wait()
        return {"log": [thought]}

    async def main() -> Any:
        run = asyncio.create_task(built.ainvoke({"log": []}, CONFIG))
        await thinking.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert owner() is None
        going_on.append(True)
        return await built.ainvoke(None, CONFIG)

    thinking, going_on = asyncio.Event(), list[bool]()
    built = graph(store, node)
    assert asyncio.run(main())["log"] == ["x", "after"]
    assert ran == {"x": 1}


def test_a_stream_that_is_not_read_to_its_end_gives_the_lease_back(store: Path) -> None:
    built = graph(store, lambda _: {"log": [omium.step(str.upper)("x")]})

    async def main() -> None:
        stream = built.astream({"log": []}, CONFIG, durability="exit")
        async for _ in stream:
            break
        await stream.aclose()

    asyncio.run(main())
    assert owner() is None


def test_an_effect_that_outlives_its_graph_is_recorded_before_the_lease_goes(ran: Counter[str], store: Path) -> None:
    acting, go_on, refused = threading.Event(), threading.Event(), list[Exception]()
    ended = threading.Event()

    @omium.effect(in_doubt="fail")
    def charge(what: str) -> str:
        ran[what] += 1
        acting.set()
        go_on.wait(60)
        return what

    def node(_: Log) -> Any:
        try:
            return {"log": [charge("x"), charge("y")]}
        except InvalidInput as error:
            refused.append(error)
            raise
        finally:
            ended.set()

    async def main() -> None:
        run = asyncio.create_task(built.ainvoke({"log": []}, CONFIG))
        await asyncio.to_thread(acting.wait, 60)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert owner() is not None, "a thread cannot be cancelled"
        go_on.set()
        await asyncio.to_thread(ended.wait, 60)
        await asyncio.to_thread(until, lambda: owner() is None)

    built = graph(store, node)
    asyncio.run(main())
    (error,) = refused
    assert "its graph was left while this node still ran" in str(error)
    assert [(each.arguments["what"], each.state) for each in omium.get("t").effects()] == [("x", "done")]
    assert asyncio.run(built.ainvoke(None, CONFIG))["log"] == ["x", "y", "after"]
    assert ran == {"x": 1, "y": 1}


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(("fails", "status"), [(False, "waiting"), (True, "failed")])
def test_what_ended_a_graph_is_its_status_though_a_node_beside_it_went_on(
    store: Path, fails: bool, status: str, asynchronous: bool
) -> None:
    acting, asked = threading.Event(), threading.Event()

    @omium.effect(in_doubt="fail")
    def charge(what: str) -> str:
        acting.set()
        asked.wait(60)
        return what

    def ask(_: Log) -> Any:
        acting.wait(60)
        asked.set()
        if fails:
            raise RuntimeError("ask")
        return {"log": [omium.ask("sure?")]}

    builder = StateGraph(Log).add_node("ask", ask).add_node("charge", lambda _: {"log": [charge("x")]})
    built = builder.add_edge(START, "ask").add_edge(START, "charge").compile(checkpointer=Saver(store))
    with pytest.raises(RuntimeError if fails else omium.Waiting):
        asyncio.run(built.ainvoke({"log": []}, CONFIG)) if asynchronous else built.invoke({"log": []}, CONFIG)
    until(lambda: owner() is None)
    assert omium.get("t").status == status
    assert [each.state for each in omium.get("t").effects()] == ["done"]
