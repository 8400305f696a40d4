"""Inside a node no `with` block is needed: what it records is the thread's, and is not done again."""

from __future__ import annotations

import asyncio
import operator
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, RetryPolicy, Send, interrupt
from typing_extensions import TypedDict

import omium
from omium.exceptions import InDoubt
from omium.langgraph import Saver

CONFIG: Any = {"configurable": {"thread_id": "t"}}
did: Counter[str] = Counter()
flags: set[str] = set()


class Lines(TypedDict):
    log: Annotated[list[str], operator.add]


class Log(Lines):
    n: int


@pytest.fixture(autouse=True)
def calm(store: Path) -> None:  # The store comes first.
    did.clear()
    flags.clear()


def find(what: str, idempotency_key: str) -> str | None:
    ledger = Path(omium.config.settings().store + ".ledger")
    return f"found {what}" if ledger.exists() and idempotency_key in ledger.read_text() else None


def _charge(what: str) -> str:
    did[what] += 1
    with Path(omium.config.settings().store + ".ledger").open("a") as file:
        file.write(f"{what} {omium.idempotency_key()}\n")
    if f"die in {what}" in flags:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"receipt of {what}"


@omium.effect(probe=find)
def charge(what: str) -> str:
    return _charge(what)


@omium.effect(probe=find)
async def acharge(what: str) -> str:
    await asyncio.sleep(0)
    return _charge(what)


@omium.step
def think(what: str) -> str:
    did[what] += 1
    return what.upper()


def ledger(store: Path) -> list[str]:
    return [line.split()[0] for line in Path(f"{store}.ledger").read_text().splitlines()]


def graph(saver: Saver, **nodes: Any) -> Any:
    """A line of nodes."""
    builder = StateGraph(Log)
    names = [START, *nodes, END]
    for name, node in nodes.items():
        builder.add_node(name, node)
    for before, after in pairwise(names):
        builder.add_edge(before, after)
    return builder.compile(checkpointer=saver)


def once(name: str, error: type[Exception] = RuntimeError) -> None:
    """Raises the first time."""
    if name not in flags:
        flags.add(name)
        raise error(name)


def test_a_node_that_failed_repeats_nothing(store: Path) -> None:
    def book(state: Log) -> Any:
        answer = [think("plan"), charge("flight"), charge("hotel")]
        once("book")
        return {"log": answer}

    built = graph(Saver(store), book=book)
    with pytest.raises(RuntimeError):
        built.invoke({"log": []}, CONFIG)
    assert omium.get("t").status == "failed"
    assert built.invoke(None, CONFIG)["log"] == ["PLAN", "receipt of flight", "receipt of hotel"]
    assert did == {"plan": 1, "flight": 1, "hotel": 1}
    assert [record.state for record in omium.get("t").effects()] == ["done", "done"]


def test_the_retry_policy_of_a_node_repeats_nothing(store: Path) -> None:
    def book(state: Log) -> Any:
        answer = charge("flight")
        once("book", ConnectionError)
        return {"log": [answer]}

    builder = StateGraph(Log)
    builder.add_node("book", book, retry_policy=RetryPolicy(initial_interval=0.001, jitter=False))
    builder.add_edge(START, "book")
    built = builder.compile(checkpointer=Saver(store))
    assert built.invoke({"log": []}, CONFIG)["log"] == ["receipt of flight"]
    assert did == {"flight": 1}


@pytest.mark.parametrize("kind", [omium.step, omium.effect(in_doubt="retry")])
def test_a_failure_is_tried_again_though_a_node_beside_it_went_on(store: Path, kind: Any) -> None:
    @kind
    def fetch(what: str) -> str:
        did[what] += 1
        once("fetch", ConnectionError)
        return what

    def beside(_: Log) -> Any:
        while not omium.get("t").failures():
            time.sleep(0.01)
        return {"log": [charge("beside")]}

    builder = StateGraph(Log)
    builder.add_node("fetch", lambda _: {"log": [fetch("page")]}).add_node("beside", beside)
    builder.add_edge(START, "fetch").add_edge(START, "beside")
    built = builder.compile(checkpointer=Saver(store))
    with pytest.raises(ConnectionError):
        built.invoke({"log": []}, CONFIG)
    assert sorted(built.invoke(None, CONFIG)["log"]) == ["page", "receipt of beside"]
    assert did == {"page": 2, "beside": 1}


def test_a_failure_that_the_graph_went_on_from_stays_one(store: Path) -> None:
    """Killed before anything is saved: what later nodes did depends on it."""

    @omium.step
    def fetch(what: str) -> str:
        did[what] += 1
        raise ConnectionError(what)

    def careful(_: Log) -> Any:
        try:
            return {"log": [fetch("page")]}
        except ConnectionError:
            return {"log": ["no page"]}

    def program() -> Any:
        built = graph(Saver(store), careful=careful, next=lambda _: {"log": [charge("next")]})
        return built.invoke({"log": []}, CONFIG, durability="exit")

    flags.add("die in next")
    killed(program)
    flags.clear()
    assert program()["log"] == ["no page", "found next"]
    assert did == {}, "both ran in the process that was killed"


def test_an_interrupt_repeats_nothing(store: Path) -> None:
    def book(state: Log) -> Any:
        before = charge("before")
        answer = interrupt("ok?")
        return {"log": [before, answer, charge("after")]}

    built = graph(Saver(store), book=book)
    built.invoke({"log": []}, CONFIG)
    assert omium.get("t").status == "waiting"
    assert built.invoke(Command(resume="yes"), CONFIG)["log"] == ["receipt of before", "yes", "receipt of after"]
    assert did == {"before": 1, "after": 1}


def test_an_interrupt_within_a_step_is_no_failure_of_it(store: Path) -> None:
    @omium.step(retries=3)
    def review(what: str) -> str:
        did[what] += 1
        think(what)
        answer: str = interrupt(f"review {what}?")
        return answer

    built = graph(Saver(store), review=lambda _: {"log": [review("draft")]})
    built.invoke({"log": []}, CONFIG)
    run = omium.get("t")
    assert (run.status, run.failures(), did) == ("waiting", [], {"draft": 2}), (
        "the step and the one within it, once each"
    )
    assert built.invoke(Command(resume="fine"), CONFIG)["log"] == ["fine"]
    assert did == {"draft": 3}, "the step began anew, the one within it did not"


def test_an_effect_that_stops_to_ask_may_have_acted(store: Path) -> None:
    @omium.effect(retries=3)
    def send(what: str) -> str:
        answer: str = interrupt(f"send {what}?")
        did[what] += 1
        return answer

    built = graph(Saver(store), send=lambda _: {"log": [send("mail")]})
    built.invoke({"log": []}, CONFIG)
    run = omium.get("t")
    assert [record.state for record in run.effects()] == ["in doubt"]
    with pytest.raises(omium.Waiting, match="did send at t@"):
        built.invoke(Command(resume="yes"), CONFIG)
    run.answer(happened=False)
    assert built.invoke(None, CONFIG)["log"] == ["yes"]
    assert (did, run.failures()) == ({"mail": 1}, [])


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_effect_that_may_be_tried_again_may_stop_to_ask(store: Path, asynchronous: bool) -> None:
    def act(what: str) -> str:
        answer: str = interrupt(f"send {what}?")
        did[f"{what} {omium.idempotency_key()}"] += 1
        return answer

    @omium.effect(in_doubt="retry")
    def send(what: str) -> str:
        return act(what)

    @omium.effect(in_doubt="retry")
    async def asend(what: str) -> str:
        return act(what)

    async def node(_: Log) -> Any:
        return {"log": [await asend("mail")]}

    if asynchronous:
        built = graph(Saver(store), send=node)
        asyncio.run(built.ainvoke({"log": []}, CONFIG))
        assert asyncio.run(built.ainvoke(Command(resume="yes"), CONFIG))["log"] == ["yes"]
    else:
        built = graph(Saver(store), send=lambda _: {"log": [send("mail")]})
        built.invoke({"log": []}, CONFIG)
        assert built.invoke(Command(resume="yes"), CONFIG)["log"] == ["yes"]
    (record,) = omium.get("t").effects()
    assert (record.state, did) == ("done", {f"mail {record.idempotency_key}": 1})


def test_every_pass_through_a_node_is_another_one(store: Path) -> None:
    builder = StateGraph(Log)
    builder.add_node("pay", lambda state: {"log": [charge("rate")], "n": state["n"] + 1})
    builder.add_edge(START, "pay")
    builder.add_conditional_edges("pay", lambda state: "pay" if state["n"] < 3 else END)
    built = builder.compile(checkpointer=Saver(store))
    assert len(built.invoke({"log": [], "n": 0}, CONFIG)["log"]) == 3
    built.invoke({"log": [], "n": 2}, CONFIG)
    assert did == {"rate": 4}, "another input is another run of the node"


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("dies_in", ["2.1", "inner-x", "last"])
def test_a_kill_repeats_nothing(store: Path, dies_in: str, asynchronous: bool, durability: Any) -> None:
    """Parallel tasks, a subgraph; and the last checkpoint may not have been saved when the kill comes."""

    async def apart(state: Log) -> Any:
        return {"log": [await acharge(f"2.{state['n']}")]}

    def part(state: Log) -> Any:
        return {"log": [charge(f"2.{state['n']}")]}

    inner = StateGraph(Log)
    inner.add_node("x", lambda _: {"log": [charge("inner-x")]}).add_node("y", lambda _: {"log": [charge("inner-y")]})
    inner.add_edge(START, "x").add_edge("x", "y").add_edge("y", END)
    builder = StateGraph(Log)
    builder.add_node("plan", lambda _: {"log": [think("plan")]})
    builder.add_node("part", apart if asynchronous else part)
    builder.add_node("below", inner.compile())
    builder.add_node("last", lambda _: {"log": [charge("last")]})
    builder.add_edge(START, "plan").add_edge("part", "below").add_edge("below", "last")
    builder.add_conditional_edges("plan", lambda _: [Send("part", {"n": n}) for n in range(3)], ["part"])

    def program() -> Any:
        saver = Saver(store)
        built = builder.compile(checkpointer=saver)
        given: Any = {"log": [], "n": 0} if saver.get_tuple(CONFIG) is None else None
        if asynchronous:
            return asyncio.run(built.ainvoke(given, CONFIG, durability=durability))
        return built.invoke(given, CONFIG, durability=durability)

    flags.add(f"die in {dies_in}")
    killed(program)
    flags.clear()
    log = program()["log"]
    for what in ("2.0", "2.1", "2.2", "inner-x", "last"):
        assert any(entry.endswith(what) for entry in log)
    assert sorted(ledger(store)) == ["2.0", "2.1", "2.2", "inner-x", "inner-y", "last"]


@pytest.mark.parametrize("saves", [None, True, False])
def test_every_pass_through_a_subgraph_is_another_one(store: Path, saves: Any) -> None:
    """Whether the subgraph saves as its graph does, one history per thread, or nothing."""
    inner = StateGraph(Log, output_schema=Lines).add_node("pay", lambda _: {"log": [charge("rate")]})
    below = inner.add_edge(START, "pay").compile(checkpointer=saves)

    def apart(_: Log) -> Any:
        for _each in range(2):
            below.invoke({"log": [], "n": 0})
        return {"n": 1}

    def next_of(state: Log) -> str:
        return "below" if state["n"] < 2 else "apart"

    builder = StateGraph(Log).add_node("below", below).add_node("apart", apart)
    builder.add_node("count", lambda state: {"n": state["n"] + 1})
    builder.add_conditional_edges(START, lambda _: [Send("below", {"log": [], "n": 0})] * 2, ["below"])
    builder.add_edge("below", "count").add_conditional_edges("count", next_of)
    built = builder.compile(checkpointer=Saver(store))
    for turn in (1, 2):
        built.invoke({"log": [], "n": 0}, CONFIG)
        assert did == {"rate": 5 * turn}, "two in parallel, one in a loop, two called by a node"
    keys = [record.idempotency_key for record in omium.get("t").effects()]
    assert len(set(keys)) == 10


# With "sync" LangGraph 1.2 fails in such subgraphs.
@pytest.mark.parametrize("durability", ["async", "exit"])
def test_a_kill_in_a_subgraph_that_saves_nothing_repeats_nothing(store: Path, durability: Any) -> None:
    inner = StateGraph(Log, output_schema=Lines)
    inner.add_node("first", lambda state: {"log": [charge(f"first.{state['n']}")]})
    inner.add_node("then", lambda state: {"log": [charge(f"then.{state['n']}")]})
    below = inner.add_edge(START, "first").add_edge("first", "then").compile(checkpointer=False)
    builder = StateGraph(Log).add_node("plan", lambda _: {"log": []}).add_node("below", below).add_edge(START, "plan")
    builder.add_conditional_edges("plan", lambda _: [Send("below", {"log": [], "n": n}) for n in range(2)], ["below"])

    def program() -> Any:
        saver = Saver(store)
        given: Any = {"log": []} if saver.get_tuple(CONFIG) is None else None
        return builder.compile(checkpointer=saver).invoke(given, CONFIG, durability=durability)

    flags.add("die in then.1")
    killed(program)
    flags.clear()
    program()
    assert sorted(ledger(store)) == ["first.0", "first.1", "then.0", "then.1"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_tools_in_parallel(store: Path, asynchronous: bool) -> None:
    calls = [{"name": "charge_tool", "args": {"what": what}, "id": str(n)} for n, what in enumerate(["a", "b", "a"])]

    def charge_tool(what: str) -> str:
        """Charges."""
        return str(charge(what))

    class Messages(TypedDict):
        messages: Annotated[list[Any], operator.add]

    builder = StateGraph(Messages)
    builder.add_node("tools", ToolNode([charge_tool]))
    builder.add_node("after", lambda _: once("after"))
    builder.add_edge(START, "tools").add_edge("tools", "after")
    built = builder.compile(checkpointer=Saver(store))
    given = {"messages": [AIMessage("", tool_calls=calls)]}
    with pytest.raises(RuntimeError):
        asyncio.run(built.ainvoke(given, CONFIG)) if asynchronous else built.invoke(given, CONFIG)
    out = built.invoke(None, CONFIG)
    assert [message.content for message in out["messages"][1:]] == [f"receipt of {what}" for what in "aba"]
    assert did == {"a": 2, "b": 1}


def test_an_error_that_ends_the_run_is_not_taken_for_an_answer_of_a_tool(store: Path) -> None:
    @omium.effect(in_doubt="fail")
    def risky(what: str) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return what

    def swallow(state: Log) -> Any:
        try:
            return {"log": [risky("x")]}
        except Exception as error:  # As a tool node does.
            return {"log": [str(error)]}

    def program() -> Any:
        return graph(Saver(store), swallow=swallow, after=lambda _: {"log": [charge("after")]}).invoke(
            {"log": []} if not Path(store).exists() else None, CONFIG
        )

    killed(program)
    with pytest.raises(InDoubt):
        program()
    assert did == {}
    omium.get("t").answer("it did")
    assert program()["log"] == ["it did", "receipt of after"]


def test_a_question_in_a_node(store: Path) -> None:
    built = graph(Saver(store), ask=lambda _: {"log": [charge("before"), omium.ask("go on?")]})
    with pytest.raises(omium.Waiting):
        built.invoke({"log": []}, CONFIG)
    run = omium.get("t")
    assert run.status == "waiting"
    run.answer("yes")
    assert built.invoke(None, CONFIG)["log"] == ["receipt of before", "yes"]
    assert did == {"before": 1}


def test_a_thread_is_rolled_back_with_its_effects(store: Path) -> None:
    undone: list[str] = []

    @omium.effect(undo=lambda what: undone.append(what))
    def pay(what: str) -> str:
        did[what] += 1
        return what

    built = graph(Saver(store), plan=lambda _: {"log": [think("plan")]}, book=lambda _: {"log": [pay("a"), pay("b")]})
    # Else LangGraph saves a state beside what follows it, and an effect may come to stand before it.
    built.invoke({"log": []}, CONFIG, durability="sync")
    run = omium.get("t")
    before = next(entry.seq for entry in run.checkpoints() if entry.kind == "state" and entry.name == "plan")
    run.rollback(to=before)
    assert undone == ["b", "a"]
    assert built.invoke(None, CONFIG)["log"] == ["PLAN", "a", "b"]
    assert did == {"plan": 1, "a": 2, "b": 2}


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_graph_does_not_run_on_from_half_a_rollback(store: Path, durability: Any) -> None:
    def unpay(what: str) -> None:
        if "bank down" in flags:
            raise ConnectionError("bank down")
        did[f"not {what}"] += 1

    @omium.effect(undo=unpay)
    def pay(what: str) -> str:
        did[what] += 1
        return what

    def wait(_: Log) -> Any:
        return {"log": [interrupt("sure?")]}

    built = graph(Saver(store), a=lambda _: {"log": [pay("a")]}, wait=wait, plain=lambda _: {"log": ["plain"]})
    built.invoke({"log": []}, CONFIG, durability="sync")
    run = omium.get("t")
    flags.add("bank down")
    with pytest.raises(omium.UndoFailed):
        run.rollback(to=2)
    with pytest.raises(omium.InvalidInput, match="ask for it again, then run on"):
        built.invoke(Command(resume="yes"), CONFIG, durability=durability)
    with pytest.raises(omium.InvalidInput, match="ask for it again, then run on"):
        built.update_state(CONFIG, {"log": ["by hand"]})
    flags.clear()
    run.rollback(to=2)
    built.invoke(None, CONFIG)
    assert built.invoke(Command(resume="yes"), CONFIG)["log"] == ["a", "yes", "plain"]
    assert did == {"a": 2, "not a": 1}


def test_the_innermost_execution_counts(store: Path) -> None:
    def book(state: Log) -> Any:
        charge("thread")
        with omium.execution("inside"):
            charge("inside")
        return {"log": [charge("thread again")]}

    with omium.execution("around"):
        charge("around")
        graph(Saver(store), book=book).invoke({"log": []}, CONFIG)
        StateGraph(Log).add_node("plain", lambda _: {"log": [charge("plain")]}).add_edge(
            START, "plain"
        ).compile().invoke({"log": []})
    names = {id: [record.arguments["what"] for record in omium.get(id).effects()] for id in ("around", "inside", "t")}
    assert names == {"around": ["around", "plain"], "inside": ["inside"], "t": ["thread", "thread again"]}


def test_the_lease_is_given_back(store: Path) -> None:
    built = graph(Saver(store), book=lambda _: {"log": [charge("a")]})
    built.invoke({"log": []}, CONFIG)
    assert omium.get("t").known().owner is None


def killed(program: Callable[[], Any]) -> None:
    child = os.fork()
    if child == 0:
        try:
            program()
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
