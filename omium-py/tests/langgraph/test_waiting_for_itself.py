"""Code that would wait for what only it can end is refused, also with a Saver that waits."""

from __future__ import annotations

import asyncio
import contextvars
import multiprocessing
import operator
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

import omium
from omium.exceptions import LeaseHeld
from omium.langgraph import Saver, loops
from omium.langgraph.invocation import Invocation

CONFIG: Any = {"configurable": {"thread_id": "t"}}
PATIENCE = 60


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


@omium.step
def think(what: str) -> str:
    return what


def graph(store: Path, busy: Literal["wait", "refuse"] = "wait") -> Any:
    builder = StateGraph(Log)
    builder.add_node("first", lambda _: {"log": [think("first")]})
    builder.add_node("second", lambda _: {"log": [think("second")]})
    builder.add_edge(START, "first").add_edge("first", "second").add_edge("second", END)
    return builder.compile(checkpointer=Saver(store, busy=busy))


def in_a_stream(store: Path) -> None:
    built = graph(store)
    stream = built.stream({"log": []}, CONFIG)
    next(stream)
    with pytest.raises(LeaseHeld):
        built.invoke({"log": []}, CONFIG)
    assert [*stream]
    assert built.get_state(CONFIG).values == {"log": ["first", "second"]}


def in_an_async_stream(store: Path) -> None:
    async def main() -> None:
        built = graph(store)
        stream = built.astream({"log": []}, CONFIG)
        await stream.__anext__()
        with pytest.raises(LeaseHeld):
            await built.ainvoke({"log": []}, CONFIG)
        assert [each async for each in stream]
        assert built.get_state(CONFIG).values == {"log": ["first", "second"]}

    asyncio.run(main())


def in_the_loop_of_another(store: Path) -> None:
    async def main() -> None:
        built, reached = graph(store), asyncio.Event()

        async def read() -> None:
            async for _ in built.astream({"log": []}, CONFIG):
                reached.set()
                await asyncio.sleep(0)

        reading = asyncio.create_task(read())
        await reached.wait()
        with pytest.raises(LeaseHeld):
            built.invoke({"log": []}, CONFIG)
        waiting = asyncio.create_task(built.ainvoke({"log": []}, CONFIG))
        await reading
        assert (await waiting)["log"] == ["first", "second"] * 2

    asyncio.run(main())


@pytest.mark.parametrize("waits", [in_a_stream, in_an_async_stream, in_the_loop_of_another])
def test_nobody_waits_for_what_only_it_can_end(tmp_path: Path, waits: Callable[[Path], None]) -> None:
    # In a process of its own, for it would wait for ever.
    process = multiprocessing.get_context("spawn").Process(target=waits, args=(tmp_path / "store",))
    process.start()
    process.join(PATIENCE)
    process.kill()
    process.join()
    assert process.exitcode == 0


def holds(store: Path, held: Path, go: Path) -> None:
    def node(_: Log) -> Log:
        think("elsewhere")
        held.touch()
        wait_for(go)
        return {"log": ["elsewhere"]}

    builder = StateGraph(Log).add_node("node", node).add_edge(START, "node").add_edge("node", END)
    built: Any = builder.compile(checkpointer=Saver(store))
    built.invoke({"log": []}, CONFIG)


def wait_for(file: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not file.exists():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("busy", ["wait", "refuse"])
def test_what_this_code_has_ended_is_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: Literal["wait", "refuse"]
) -> None:
    kept: list[Any] = []
    original = Invocation.__init__

    def keeping(self: Invocation, *given: Any) -> None:
        original(self, *given)
        kept.append(self)

    monkeypatch.setattr(Invocation, "__init__", keeping)
    built = graph(tmp_path / "store", busy)
    built.invoke({"log": []}, CONFIG)
    held, go = tmp_path / "held", tmp_path / "go"
    other = multiprocessing.get_context("spawn").Process(target=holds, args=(tmp_path / "store", held, go))
    other.start()
    try:
        wait_for(held)
        began = time.monotonic()
        monkeypatch.setattr(loops, "_LEAVING_MAX", 0.5 if busy == "wait" else PATIENCE)
        if busy == "wait":
            threading.Timer(1.5, go.touch).start()
            log = built.invoke({"log": []}, CONFIG)["log"]
            assert log == ["first", "second", "elsewhere", "first", "second"]
        else:
            threading.Timer(10, go.touch).start()
            with pytest.raises(LeaseHeld):
                built.invoke({"log": []}, CONFIG)
            assert time.monotonic() - began < 5
    finally:
        go.touch()
        other.join()


def test_a_stream_of_another_request_is_waited_for_in_the_thread_of_a_pool(tmp_path: Path) -> None:
    """Web servers read a plain stream in whatever thread is free, each time in a copy of the request's context."""
    built = graph(tmp_path / "store")
    stream = built.stream({"log": []}, CONFIG)
    contextvars.copy_context().run(next, stream)
    other = threading.Thread(target=lambda: [*stream])
    other.start()
    assert built.invoke({"log": []}, CONFIG)["log"] == ["first", "second"] * 2
    other.join()
