"""Whole graphs, sync and async: what they return and leave behind equals what LangGraph's own saver does.

Each scenario runs on a Saver and on an InMemorySaver; their observations must be the same.
"""

import asyncio
import operator
import time
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph, add_messages
from langgraph.types import Command, Send, StateUpdate, interrupt
from langgraph_support import config
from typing_extensions import TypedDict

from omium.langgraph import Saver


class Driver:
    """Drives a graph through its sync or its async methods."""

    def __init__(self, saver: BaseCheckpointSaver, is_async: bool) -> None:
        self.saver, self.is_async = saver, is_async
        self.seen: list[Any] = []

    def call(self, app: Any, method: str, *arguments: Any, **options: Any) -> Any:
        if not self.is_async:
            return getattr(app, method)(*arguments, **options)
        return asyncio.run(getattr(app, f"a{method}")(*arguments, **options))

    def history(self, app: Any, where: Any) -> list[Any]:
        if not self.is_async:
            return [*app.get_state_history(where)]

        async def collect() -> list[Any]:
            return [state async for state in app.aget_state_history(where)]

        return asyncio.run(collect())

    def observe(self, app: Any, where: Any) -> None:
        """Notes all that a state says but ids and times."""
        for state in self.history(app, where):
            tasks = [(t.name, t.error, [i.value for i in t.interrupts], t.result) for t in state.tasks]
            meta = state.metadata
            self.seen.append((state.values, state.next, meta["source"], meta["step"], tasks, bool(state.parent_config)))


Scenario = Callable[[Driver], Any]


class Chat(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def chat(driver: Driver) -> None:
    def reply(state: Chat) -> dict[str, Any]:
        count = len(state["messages"])
        return {"messages": [AIMessage(f"reply to {count}", id=f"a{count}")]}

    builder = StateGraph(Chat)
    builder.add_node("reply", reply).add_edge(START, "reply").add_edge("reply", END)
    app = builder.compile(checkpointer=driver.saver)
    for turn in range(3):
        message = HumanMessage(f"turn {turn}", id=f"h{turn}")
        driver.seen.append(driver.call(app, "invoke", {"messages": [message]}, config()))
    driver.observe(app, config())


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


def add(name: str) -> Any:
    def node(state: Log) -> dict[str, Any]:
        return {"log": [f"{name} after {len(state['log'])}"]}

    return node


def line(saver: Any, **options: Any) -> Any:
    builder = StateGraph(Log)
    builder.add_node("a", add("a")).add_node("b", add("b")).add_node("c", add("c"))
    builder.add_edge(START, "a").add_edge("a", "b").add_edge("b", "c").add_edge("c", END)
    return builder.compile(checkpointer=saver, **options)


def static_interrupts(driver: Driver) -> None:
    app = line(driver.saver, interrupt_before=["b"], interrupt_after=["b"])
    for given in ({"log": ["in"]}, None, None):
        driver.seen.append(driver.call(app, "invoke", given, config()))
        driver.observe(app, config())


def update_and_time_travel(driver: Driver) -> None:
    app = line(driver.saver)
    driver.call(app, "invoke", {"log": ["in"]}, config())
    past = next(state for state in driver.history(app, config()) if state.next == ("b",))
    driver.seen.append(driver.call(app, "invoke", None, past.config))
    edited = driver.call(app, "update_state", past.config, {"log": ["edited"]}, as_node="a")
    driver.seen.append(driver.call(app, "invoke", None, edited))
    copied = driver.call(app, "update_state", past.config, None, as_node="__copy__")
    driver.seen.append(driver.call(app, "invoke", None, copied))
    both = [StateUpdate({"log": ["bulk 1"]}, "a"), StateUpdate({"log": ["bulk 2"]}, "a")]
    driver.call(app, "bulk_update_state", config(), [both, [StateUpdate({"log": ["bulk 3"]}, "b")]])
    driver.seen.append(driver.call(app, "invoke", None, config()))
    driver.call(app, "update_state", config(), None, as_node=END)
    driver.observe(app, config())


def questions(driver: Driver) -> None:
    def ask(state: Log) -> dict[str, Any]:
        first = interrupt("first?")
        return {"log": [f"{first} {interrupt('second?')}"]}

    builder = StateGraph(Log)
    builder.add_node("ask", ask).add_node("other", add("other")).add_node("c", add("c"))
    builder.add_edge(START, "ask").add_edge(START, "other").add_edge(["ask", "other"], "c").add_edge("c", END)
    app = builder.compile(checkpointer=driver.saver)
    for given in ({"log": ["in"]}, Command(resume="yes"), Command(resume="no", update={"log": ["noted"]})):
        result = driver.call(app, "invoke", given, config())
        driver.seen.append(result["log"])
        driver.observe(app, config())


def sends(driver: Driver) -> None:
    def part(item: dict[str, Any]) -> dict[str, Any]:
        return {"log": [f"part {item['n']}"]}

    builder = StateGraph(Log)
    builder.add_node("part", part).add_node("c", add("c"))
    builder.add_conditional_edges(START, lambda _: [Send("part", {"n": n}) for n in range(5)], ["part"])
    builder.add_edge("part", "c").add_edge("c", END)
    app = builder.compile(checkpointer=driver.saver)
    driver.seen.append(driver.call(app, "invoke", {"log": ["in"]}, config()))
    driver.observe(app, config())


def failure_and_resume(driver: Driver) -> None:
    """The sibling that finished beside the failed node is not run again."""
    ran: list[str] = []

    def flaky(state: Log) -> dict[str, Any]:
        ran.append("flaky")
        # Late enough for its sibling to have finished.
        time.sleep(0.1)
        if ran.count("flaky") == 1:
            raise ConnectionError("down")
        return {"log": ["flaky"]}

    def steady(state: Log) -> dict[str, Any]:
        ran.append("steady")
        return {"log": ["steady"]}

    builder = StateGraph(Log)
    builder.add_node("flaky", flaky).add_node("steady", steady)
    builder.add_edge(START, "flaky").add_edge(START, "steady")
    app = builder.compile(checkpointer=driver.saver)
    with pytest.raises(ConnectionError):
        driver.call(app, "invoke", {"log": ["in"]}, config())
    driver.observe(app, config())
    driver.seen.append(driver.call(app, "invoke", None, config()))
    driver.observe(app, config())
    driver.seen.append(sorted(ran))


def subgraphs(driver: Driver) -> None:
    def ask(state: Log) -> dict[str, Any]:
        return {"log": [f"answer {interrupt('well?')}"]}

    inner = StateGraph(Log)
    inner.add_node("x", add("x")).add_node("ask", ask)
    inner.add_edge(START, "x").add_edge("x", "ask").add_edge("ask", END)
    for checkpointer in (None, True):
        outer = StateGraph(Log)
        outer.add_node("inner", inner.compile(checkpointer=checkpointer)).add_node("z", add("z"))
        outer.add_edge(START, "inner").add_edge("inner", "z").add_edge("z", END)
        app = outer.compile(checkpointer=driver.saver)
        where = config(f"thread {checkpointer}")
        for given in ({"log": ["in"]}, Command(resume="fine")):
            driver.seen.append(driver.call(app, "invoke", given, where)["log"])
            driver.observe(app, where)
        state = driver.call(app, "get_state", where, subgraphs=True)
        driver.seen.append([(task.name, task.state and task.state.values) for task in state.tasks])


def functional(driver: Driver) -> None:
    ran: list[str] = []

    @task
    def double(n: int) -> int:
        ran.append(f"double {n}")
        return 2 * n

    @entrypoint(checkpointer=driver.saver)
    def flow(n: int, *, previous: Any = None) -> Any:
        doubled = [future.result() for future in [double(n), double(n + 1)]]
        answer = interrupt("go on?")
        return entrypoint.final(value=[*doubled, answer, previous], save=sum(doubled))

    @task
    async def adouble(n: int) -> int:
        ran.append(f"double {n}")
        return 2 * n

    @entrypoint(checkpointer=driver.saver)
    async def aflow(n: int, *, previous: Any = None) -> Any:
        doubled = await asyncio.gather(adouble(n), adouble(n + 1))
        answer = interrupt("go on?")
        return entrypoint.final(value=[*doubled, answer, previous], save=sum(doubled))

    app = aflow if driver.is_async else flow
    for n in (1, 5):
        driver.call(app, "invoke", n, config())
        driver.seen.append(driver.call(app, "invoke", Command(resume="yes"), config()))
    driver.seen.append(sorted(ran))
    driver.observe(app, config())


SCENARIOS = [
    chat,
    static_interrupts,
    update_and_time_travel,
    questions,
    sends,
    failure_and_resume,
    subgraphs,
    functional,
]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_graph_runs_as_on_langgraphs_own_saver(saver: Saver, scenario: Scenario, is_async: bool) -> None:
    ours, model = Driver(saver, is_async), Driver(InMemorySaver(), is_async)
    scenario(ours)
    scenario(model)
    assert len(ours.seen) > 1
    assert ours.seen == model.seen


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_every_durability_of_langgraph_leaves_what_it_promises(saver: Saver, durability: str, is_async: bool) -> None:
    driver = Driver(saver, is_async)
    app = line(saver)
    result = driver.call(app, "invoke", {"log": ["in"]}, config(), durability=durability)
    assert result == {"log": ["in", "a after 1", "b after 2", "c after 3"]}
    states = driver.history(app, config())
    assert states[0].values == result
    assert len(states) == (1 if durability == "exit" else 5)
    assert driver.call(app, "invoke", {"log": ["more"]}, config(), durability=durability)["log"][4] == "more"


def test_one_graph_runs_many_threads_at_once(saver: Saver) -> None:
    app = line(saver)

    async def run() -> list[Any]:
        return await asyncio.gather(*(app.ainvoke({"log": [str(n)]}, config(str(n))) for n in range(40)))

    results = asyncio.run(run())
    assert [result["log"][0] for result in results] == [str(n) for n in range(40)]
    assert len({item.config["configurable"]["thread_id"] for item in saver.list(None)}) == 40


def test_a_graph_goes_on_in_another_process_of_the_same_directory(saver: Saver, directory: Any) -> None:
    """Another Saver stands for another process: it knows nothing but what is on the disk."""
    first = line(saver, interrupt_before=["c"])
    first.invoke({"log": ["in"]}, config())
    saver.close()
    with Saver(directory) as other:
        assert line(other).invoke(None, config())["log"] == ["in", "a after 1", "b after 2", "c after 3"]
