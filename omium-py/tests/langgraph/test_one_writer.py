"""A thread whose nodes record something has one invocation at a time, wherever the others come from."""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import operator
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from typing_extensions import TypedDict

import omium
from omium.exceptions import Fenced, InvalidInput, LeaseHeld
from omium.langgraph import Saver

CONFIG: Any = {"configurable": {"thread_id": "t"}}
PATIENCE = 60


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


class Gate:
    """A node that lets the test know that it runs, and waits for it."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def pass_(self) -> None:
        self.reached.set()
        assert self.open.wait(PATIENCE)


def charging(ran: Counter[str]) -> Callable[[str], str]:
    @omium.effect(in_doubt="fail")
    def charge(what: str) -> str:
        ran[what] += 1
        return what

    return charge


def line(saver: Saver, *nodes: Callable[[Log], Any]) -> Any:
    builder = StateGraph(Log)
    before = START
    for node in nodes:
        builder.add_node(node.__name__, node).add_edge(before, node.__name__)
        before = node.__name__
    return builder.add_edge(before, END).compile(checkpointer=saver)


def in_thread(call: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    came: list[Any] = []

    def run() -> None:
        try:
            came.append(call())
        except Exception as error:
            came.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, came


def invoked(built: Any, given: Any, way: str) -> Any:
    if way == "sync":
        return built.invoke(given, CONFIG)
    return asyncio.run(built.ainvoke(given, CONFIG))


@pytest.mark.parametrize("first", ["sync", "async"])
@pytest.mark.parametrize("second", ["sync", "async"])
def test_the_second_one_is_refused_and_leaves_no_trace(ran: Counter[str], store: Path, first: str, second: str) -> None:
    gate, charge = Gate(), charging(ran)

    def pay(_: Log) -> Any:
        paid = charge("x")
        gate.pass_()
        return {"log": [paid]}

    built = line(Saver(store), pay, after)
    thread, came = in_thread(lambda: invoked(built, {"log": []}, first))
    assert gate.reached.wait(PATIENCE)
    before = omium.get("t").head
    with pytest.raises(LeaseHeld) as held:
        invoked(built, {"log": ["second"]}, second)
    assert held.value.owner is not None
    assert vars(held.value)["__notes__"] == ["hint: wait for it to end, or shut it out: omium cancel t"]
    assert (omium.get("t").head, omium.get("t").status) == (before, "running")
    gate.open.set()
    thread.join()
    assert came == [{"log": ["x", "after"]}]
    assert (omium.get("t").status, ran) == ("completed", {"x": 1})


def after(_: Log) -> Any:
    return {"log": ["after"]}


def test_between_two_supersteps_the_thread_is_busy_too(ran: Counter[str], store: Path) -> None:
    gate, charge = Gate(), charging(ran)

    def pay(_: Log) -> Any:
        return {"log": [charge("x")]}

    def think(_: Log) -> Any:
        gate.pass_()
        return {"log": ["thought"]}

    built = line(Saver(store), pay, think)
    thread, came = in_thread(lambda: built.invoke({"log": []}, CONFIG))
    assert gate.reached.wait(PATIENCE)
    with pytest.raises(LeaseHeld):
        built.invoke({"log": []}, CONFIG)
    gate.open.set()
    thread.join()
    assert came == [{"log": ["x", "thought"]}]


@pytest.mark.parametrize("handled", [False, True])
def test_of_two_that_began_before_any_recorded_the_first_to_record_has_the_thread(
    ran: Counter[str], store: Path, handled: bool
) -> None:
    """Nobody can know at their beginning that they will record; the loser saves nothing more, not even its failure."""
    first, second, charge = Gate(), Gate(), charging(ran)
    turn = [first, second]

    def think(_: Log) -> Any:
        turn.pop(0).pass_()
        return {}

    def pay(_: Log) -> Any:
        try:
            return {"log": [charge("x")]}
        except LeaseHeld:
            if handled:
                return {"log": ["no matter"]}
            raise

    gate = Gate()

    def last(_: Log) -> Any:
        gate.pass_()
        return {"log": ["last"]}

    built = line(Saver(store), think, pay, last)
    winner, won = in_thread(lambda: built.invoke({"log": []}, CONFIG, durability="sync"))
    assert first.reached.wait(PATIENCE)
    loser, lost = in_thread(lambda: built.invoke(None, CONFIG, durability="sync"))
    assert second.reached.wait(PATIENCE)
    first.open.set()
    assert gate.reached.wait(PATIENCE)
    last_seq = omium.get("t").head
    second.open.set()
    loser.join()
    (error,) = lost
    assert isinstance(error, LeaseHeld), error
    assert (omium.get("t").head, omium.get("t").status) == (last_seq, "running")
    gate.open.set()
    winner.join()
    assert won == [{"log": ["x", "last"]}]
    assert (omium.get("t").status, ran) == ("completed", {"x": 1})


def test_who_was_overtaken_by_a_newer_state_records_nothing(ran: Counter[str], store: Path) -> None:
    """Killed then, the thread would go on from that state, and the effect be made again."""
    gate, charge = Gate(), charging(ran)
    slow = [True]

    def pay(_: Log) -> Any:
        if slow:
            slow.clear()
            gate.pass_()
            return {"log": [charge("x")]}
        return {"log": ["nothing"]}

    built = line(Saver(store), pay)
    thread, came = in_thread(lambda: built.invoke({"log": []}, CONFIG))
    assert gate.reached.wait(PATIENCE)
    assert built.invoke({"log": ["second"]}, CONFIG)["log"] == ["second", "nothing"]
    gate.open.set()
    thread.join()
    (error,) = came
    assert isinstance(error, Fenced)
    assert "another one saved a newer state" in str(error)
    assert (ran, omium.get("t").status) == ({}, "completed")


def test_a_saver_may_wait_for_its_turn(ran: Counter[str], store: Path) -> None:
    charge = charging(ran)
    inside = Counter[str]()

    def pay(state: Log) -> Any:
        inside["now"] += 1
        inside["most"] = max(inside["most"], inside["now"])
        time.sleep(0.02)
        paid = charge(str(len(state["log"])))
        inside["now"] -= 1
        return {"log": [paid]}

    built = line(Saver(store, busy="wait"), pay)

    async def both() -> None:
        await asyncio.gather(*(built.ainvoke({"log": ["a"]}, CONFIG) for _ in range(3)))

    threads = [in_thread(lambda: built.invoke({"log": ["s"]}, CONFIG)) for _ in range(3)]
    asyncio.run(both())
    for thread, came in threads:
        thread.join()
        assert isinstance(came[0], dict), came
    log = built.get_state(CONFIG).values["log"]
    assert len(log) == 12, "each went on from the newest state"
    assert sum(each in ("a", "s") for each in log) == 6
    assert (inside["most"], set(ran.values()), len(ran)) == (1, {1}, 6)


def test_one_that_waits_for_its_turn_and_does_nothing_leaves_no_thread(store: Path) -> None:
    built = line(Saver(store, busy="wait"), after)
    with pytest.raises(Exception, match="no input"):
        built.invoke(None, CONFIG)
    with pytest.raises(omium.ExecutionNotFound):
        omium.get("t").known()


def test_busy_is_one_of_two_words(store: Path) -> None:
    with pytest.raises(InvalidInput, match='"refuse" or "wait"'):
        Saver(store, busy="perhaps")  # type: ignore[arg-type]


def test_a_graph_that_records_nothing_is_as_with_other_savers(store: Path) -> None:
    first, second = Gate(), Gate()
    turn = [first, second]

    def think(_: Log) -> Any:
        turn.pop(0).pass_()
        return {"log": ["thought"]}

    built = line(Saver(store), think, after)
    one, came = in_thread(lambda: built.invoke({"log": ["1"]}, CONFIG, durability="sync"))
    assert first.reached.wait(PATIENCE)
    two, came_too = in_thread(lambda: built.invoke({"log": ["2"]}, CONFIG))
    assert second.reached.wait(PATIENCE)
    for gate in (first, second):
        gate.open.set()
    one.join()
    two.join()
    assert came == [{"log": ["1", "thought", "after"]}]
    assert came_too == [{"log": ["1", "2", "thought", "after"]}]


def test_an_edit_from_outside_waits_for_the_end(ran: Counter[str], store: Path) -> None:
    gate, charge = Gate(), charging(ran)

    def pay(_: Log) -> Any:
        paid = charge("x")
        gate.pass_()
        return {"log": [paid]}

    built = line(Saver(store), pay)
    thread, came = in_thread(lambda: built.invoke({"log": []}, CONFIG))
    assert gate.reached.wait(PATIENCE)
    assert built.get_state(CONFIG).next == ("pay",), "whoever reads is not refused"
    with pytest.raises(LeaseHeld):
        built.update_state(CONFIG, {"log": ["edited"]})
    gate.open.set()
    thread.join()
    built.update_state(CONFIG, {"log": ["edited"]})
    assert (came, built.get_state(CONFIG).values) == ([{"log": ["x"]}], {"log": ["x", "edited"]})


@pytest.mark.parametrize("busy", ["refuse", "wait"])
def test_a_node_may_run_a_graph_on_its_own_thread(ran: Counter[str], store: Path, busy: Any) -> None:
    charge = charging(ran)
    saver = Saver(store, busy=busy)

    def inner(_: Log) -> Any:
        return {"log": [charge("inner")]}

    below = line(saver, inner)

    def outer(_: Log) -> Any:
        charge("outer")
        below.invoke({"log": []}, CONFIG)
        below.update_state(CONFIG, {"log": ["edited"]})
        return {"log": [charge("again")]}

    assert line(saver, outer).invoke({"log": []}, CONFIG)["log"] == ["again"]
    assert ran == {"outer": 1, "inner": 1, "again": 1}
    assert omium.get("t").known().owner is None


def test_a_stream_nobody_reads_any_more_is_no_other_invocation(ran: Counter[str], store: Path) -> None:
    charge = charging(ran)

    async def pay(_: Log) -> Any:
        return {"log": [charge("x")]}

    async def wait(_: Log) -> Any:
        if len(ran) == 1:
            await asyncio.sleep(0.2)
        return {"log": [charge("y")]}

    built = line(Saver(store), pay, wait)

    async def main() -> Any:
        async for _ in built.astream({"log": []}, CONFIG):
            break
        return await built.ainvoke(None, CONFIG)

    assert asyncio.run(main())["log"] == ["x", "y"]
    assert ran == {"x": 1, "y": 1}


def test_what_is_left_of_an_earlier_attempt_records_nothing(ran: Counter[str], store: Path) -> None:
    """A thread that outlives its attempt must not have the next one begin anew."""
    go_on, said, charge = threading.Event(), list[Exception](), charging(ran)
    threads: list[threading.Thread] = []

    def late(context: Any) -> None:
        def run() -> None:
            go_on.wait(PATIENCE)
            try:
                charge("late")
            except InvalidInput as error:
                said.append(error)

        context.run(run)

    def pay(_: Log) -> Any:
        from contextvars import copy_context

        charge("x")
        if not threads:
            threads.append(threading.Thread(target=late, args=(copy_context(),)))
            threads[0].start()
            raise ConnectionError("once")
        go_on.set()
        threads[0].join()
        return {"log": [charge("y")]}

    policy = RetryPolicy(initial_interval=0.001, jitter=False)
    builder = StateGraph(Log).add_node("pay", pay, retry_policy=policy).add_edge(START, "pay")
    built = builder.compile(checkpointer=Saver(store))
    assert built.invoke({"log": []}, CONFIG)["log"] == ["y"]
    assert ran == {"x": 1, "y": 1}
    assert "is tried again already" in str(said[0])


def click(store: str, at: float, came: Any) -> None:
    @omium.effect(in_doubt="fail")
    def charge(what: str) -> str:
        with Path(store + ".paid").open("a") as file:
            file.write("paid\n")
        time.sleep(0.3)
        return what

    def pay(_: Log) -> Any:
        return {"log": [charge("x")]} if interrupt("sure?") else {}

    built = line(Saver(store), pay, after)
    if at == 0:
        built.invoke({"log": []}, CONFIG)
        return
    time.sleep(max(0.0, at - time.time()))
    try:
        came.put(built.invoke(Command(resume=True), CONFIG)["log"])
    except Exception as error:
        came.put(type(error).__name__)


def test_two_clicks_in_two_processes_pay_once(store: Path) -> None:
    context = multiprocessing.get_context("spawn")
    came = context.Queue()
    asking = context.Process(target=click, args=(str(store), 0.0, came))
    asking.start()
    asking.join()
    at = time.time() + 4
    clicks = [context.Process(target=click, args=(str(store), at, came)) for _ in range(2)]
    for each in clicks:
        each.start()
    results = [came.get(timeout=PATIENCE) for _ in clicks]
    for each in clicks:
        each.join()
    assert ["x", "after"] in results
    assert set(map(str, results)) <= {"['x', 'after']", "LeaseHeld", "Fenced"}
    assert Path(f"{store}.paid").read_text() == "paid\n"
    assert omium.get("t").status == "completed"


def test_a_node_with_a_timeout_records(ran: Counter[str], store: Path) -> None:
    @omium.step
    async def think(what: str) -> str:
        ran[what] += 1
        return what

    async def node(_: Log) -> Any:
        return {"log": [await think("x")]}

    builder = StateGraph(Log)
    try:
        builder.add_node("node", node, timeout=10)
    except TypeError:
        pytest.skip("this LangGraph has no timeouts of nodes")
    builder.add_node("sub", builder_of(think)).add_edge(START, "node").add_edge("node", "sub")
    graph = builder.compile(checkpointer=Saver(store))
    assert asyncio.run(graph.ainvoke({"log": []}, CONFIG))["log"][:1] == ["x"]
    scopes = [entry.scope for entry in omium.get("t").store.entries("t") if entry.name == "think"]
    assert len(set(scopes)) == 2, scopes


def builder_of(think: Any) -> Any:
    async def below(_: Log) -> Any:
        return {"log": [await think("x")]}

    builder = StateGraph(Log)
    builder.add_node("below", below, timeout=10)
    return builder.add_edge(START, "below").compile()


def test_what_a_subclass_keeps_on_itself_is_seen_by_who_made_it(tmp_path: Path) -> None:
    class Counting(Saver):
        saved = 0

        def put(self, *args: Any) -> Any:
            self.saved += 1
            return super().put(*args)

    saver = Counting(tmp_path)
    builder = StateGraph(dict)
    builder.add_node("only", lambda state: state)
    builder.add_edge(START, "only")
    builder.compile(checkpointer=saver).invoke({}, {"configurable": {"thread_id": "t"}})
    assert saver.saved == 3
    assert saver.invocation is None
    assert copy.copy(saver).saved == 3
