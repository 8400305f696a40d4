"""The bot whose thread is invoked by several at once, and one of those who invoke it, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from typing_extensions import TypedDict

import omium
from omium.langgraph import Saver
from omium.langgraph.invocation import Invocation

THREAD = "t"
CONFIG: Any = {"configurable": {"thread_id": THREAD}}
LOG = ["asked", "one", "part 0", "part 1", "two"]
"""What the thread has in the end, whoever brought it there."""
BEGUN = "begun"
EFFECTS = ("one", "part 0", "part 1", "two")


class Plan(NamedTuple):
    """One round."""

    seed: int
    store: str
    asks: bool
    """Whether the thread stands at a question, which everybody answers; else everybody goes on with None."""
    recorded: bool
    """Whether a node has recorded something before."""
    asynchronous: bool
    durability: Any
    busy: Any
    timeout: float | None
    """Of a node, which its first attempt may miss."""
    handler: bool
    pauses: tuple[float, ...]
    """Seconds each node takes."""
    bug: str


class State(TypedDict, total=False):
    log: Annotated[list[str], lambda old, new: old + new]
    part: int


def ledger(store: str) -> Path:
    return Path(store + ".ledger")


def paid(store: str) -> list[list[str]]:
    path = ledger(store)
    return [line.split("|") for line in path.read_text().splitlines()] if path.exists() else []


def _pay(store: str, what: str, key: str) -> str:
    line = f"{what}|{key}|{time.time()}\n".encode()
    file = os.open(ledger(store), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, line)
    os.close(file)
    return what


def build(plan: Plan) -> Any:
    """A step, maybe a question, effects one after the other and beside each other, and nodes that record nothing."""
    store = plan.store
    pauses = iter(plan.pauses * 3)

    def find(what: str, idempotency_key: str) -> str | None:
        return next((line[0] for line in paid(store) if line[1] == idempotency_key), None)

    @omium.step
    def think(what: str) -> str:
        return what

    @omium.effect(probe=find, name="charge")
    def charge(what: str) -> str:
        done = _pay(store, what, omium.idempotency_key())
        time.sleep(plan.pauses[0])
        return done

    @omium.effect(probe=find, name="charge")
    async def acharge(what: str) -> str:
        await asyncio.sleep(0)
        done = _pay(store, what, omium.idempotency_key())
        await asyncio.sleep(plan.pauses[0])
        return done

    def act(name: str, *, pays: bool, pause: float) -> Any:
        def node(state: State) -> State:
            time.sleep(pause)
            what = f"{name} {state['part']}" if name == "part" else name
            return {"log": [charge(what)]} if pays else {}

        async def anode(state: State) -> State:
            await asyncio.sleep(pause)
            what = f"{name} {state['part']}" if name == "part" else name
            return {"log": [await acharge(what)]} if pays else {}

        return anode if plan.asynchronous else node

    def ask(_: State) -> State:
        if plan.recorded:
            think("asked")
        if plan.asks:
            interrupt("sure?")
        return {"log": ["asked"]}

    def handle(_: State) -> State:
        return {"log": ["handled"]}

    limits: dict[str, Any] = {"timeout": plan.timeout} if plan.asynchronous and plan.timeout is not None else {}
    if plan.handler:
        limits["error_handler"] = handle
    builder = StateGraph(State)
    builder.add_node("ask", ask)
    builder.add_node("quiet", act("quiet", pays=False, pause=next(pauses)))
    builder.add_node("one", act("one", pays=True, pause=next(pauses)), **limits)
    builder.add_node("part", act("part", pays=True, pause=next(pauses)))
    builder.add_node("still", act("still", pays=False, pause=next(pauses)))
    builder.add_node("two", act("two", pays=True, pause=next(pauses)))
    builder.add_edge(START, "ask").add_edge("ask", "quiet").add_edge("quiet", "one")
    builder.add_conditional_edges("one", lambda _: [Send("part", {"part": n}) for n in range(2)], ["part"])
    builder.add_edge("part", "still").add_edge("still", "two").add_edge("two", END)
    return builder.compile(checkpointer=Saver(store, busy=plan.busy, durability="process"))


def invoke(graph: Any, plan: Plan) -> str:
    """Brings the thread on; tells how that ended."""
    given = Command(resume="yes") if plan.asks else None
    try:
        if plan.asynchronous:
            asyncio.run(graph.ainvoke(given, CONFIG, durability=plan.durability))
        else:
            graph.invoke(given, CONFIG, durability=plan.durability)
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return "ended"


def gathered(graph: Any, plan: Plan, count: int) -> list[str]:
    """Several tasks of one loop."""

    async def one() -> str:
        given = Command(resume="yes") if plan.asks else None
        try:
            await graph.ainvoke(given, CONFIG, durability=plan.durability)
        except Exception as error:
            return f"{type(error).__name__}: {error}".splitlines()[0]
        return "ended"

    async def all_of_them() -> list[str]:
        return [*await asyncio.gather(*(one() for _ in range(count)))]

    return asyncio.run(all_of_them())


def child(plan: Plan, starts: list[float], journal: str) -> None:
    """Invokes the thread at those moments, in threads or tasks of this process; the journal has what came of each."""
    from busy import bugs

    bugs.plant(plan.bug)
    graph = build(plan)
    file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def tell(what: str) -> None:
        os.write(file, f"{time.time()} {what}\n".encode())

    def one(start: float) -> None:
        time.sleep(start)
        tell(invoke(graph, plan))

    begin = Invocation.begin

    def begun(self: Invocation, *, waits: bool) -> None:
        begin(self, waits=waits)
        tell(BEGUN)

    Invocation.begin = begun  # type: ignore[method-assign]
    if plan.asynchronous and plan.seed % 2:
        for came in gathered(graph, plan, len(starts)):
            tell(came)
    else:
        threads = [threading.Thread(target=one, args=(start,)) for start in starts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    os._exit(0)
