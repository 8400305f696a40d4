"""A thread is an omium execution: its status, its log, and rollback and fork of it."""

import operator
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from langgraph_support import config
from typing_extensions import TypedDict

from omium._omium import Store
from omium.langgraph import Saver


class Log(TypedDict):
    log: Annotated[list[str], operator.add]


@pytest.fixture
def store(directory: Path, saver: Saver) -> Store:
    return Store(str(directory))


def add(name: str, ran: list[str] | None = None) -> Any:
    def node(state: Log) -> dict[str, Any]:
        if ran is not None:
            ran.append(name)
        return {"log": [name]}

    return node


def line(saver: Saver, ran: list[str] | None = None, **options: Any) -> Any:
    builder = StateGraph(Log)
    builder.add_node("a", add("a", ran)).add_node("b", add("b", ran)).add_node("c", add("c", ran))
    builder.add_edge(START, "a").add_edge("a", "b").add_edge("b", "c").add_edge("c", END)
    return builder.compile(checkpointer=saver, **options)


def seq_before(app: Any, store: Store, node: str) -> int:
    """The seq of the checkpoint after which `node` runs."""
    key = next(s for s in app.get_state_history(config()) if s.next == (node,)).config["configurable"]["checkpoint_id"]
    return next(entry.seq for entry in store.entries("t") if entry.key == key)


def test_a_finished_graph_is_completed_and_its_log_names_the_nodes(saver: Saver, store: Store) -> None:
    line(saver).invoke({"log": ["in"]}, config())
    execution = store.execution("t")
    assert (execution.status, execution.workflow) == ("completed", "langgraph")
    entries = store.entries("t")
    assert [entry.name for entry in entries] == ["input", "__start__", "a", "b", "c"]
    assert {entry.kind for entry in entries} == {"state"}
    assert [*entries[-1].values] == ["log"]


def test_nodes_that_ran_together_are_named_together(saver: Saver, store: Store) -> None:
    builder = StateGraph(Log)
    builder.add_node("z", add("z")).add_node("y", add("y")).add_node("part", add("part")).add_node("end", add("end"))
    builder.add_edge(START, "z").add_edge(START, "y")
    builder.add_conditional_edges("y", lambda _: [Send("part", {"log": []}), Send("part", {"log": []})], ["part"])
    builder.add_edge(["part", "z"], "end").add_edge("end", END)
    app = builder.compile(checkpointer=saver)
    app.invoke({"log": ["in"]}, config())
    app.update_state(config(), {"log": ["edit"]}, as_node="z")
    names = [entry.name for entry in store.entries("t")]
    assert names == ["input", "__start__", "y, z", "part", "end", "update"]


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_question_makes_it_wait_and_the_answer_complete(saver: Saver, store: Store, durability: str) -> None:
    def ask(state: Log) -> dict[str, Any]:
        return {"log": [interrupt("well?")]}

    builder = StateGraph(Log)
    builder.add_node("ask", ask).add_node("c", add("c"))
    builder.add_edge(START, "ask").add_edge("ask", "c").add_edge("c", END)
    app = builder.compile(checkpointer=saver)
    app.invoke({"log": ["in"]}, config(), durability=durability)
    assert store.execution("t").status == "waiting"
    asked = app.get_state(config())
    app.invoke(Command(resume="yes"), config(), durability=durability)
    assert store.execution("t").status == "completed"
    # LangGraph saves what a task wrote beside the next checkpoint, which may be there first.
    saver.put_writes(asked.config, [("__resume__", ["yes"]), ("log", ["yes"])], asked.tasks[0].id)
    assert store.execution("t").status == "completed"


def test_a_question_in_a_subgraph_makes_the_thread_wait(saver: Saver, store: Store) -> None:
    inner = StateGraph(Log)
    inner.add_node("ask", lambda state: {"log": [interrupt("well?")]}).add_edge(START, "ask").add_edge("ask", END)
    outer = StateGraph(Log)
    outer.add_node("inner", inner.compile()).add_edge(START, "inner").add_edge("inner", END)
    app = outer.compile(checkpointer=saver)
    app.invoke({"log": ["in"]}, config())
    assert store.execution("t").status == "waiting"
    below = app.get_state(config(), subgraphs=True).tasks[0].state.config
    app.update_state(below, {"log": ["edited below"]}, as_node="__start__")
    assert store.execution("t").status == "waiting"
    app.invoke(Command(resume="yes"), config())
    assert store.execution("t").status == "completed"


def test_an_error_makes_it_failed_and_the_next_try_completed(saver: Saver, store: Store) -> None:
    tries: list[int] = []

    def flaky(state: Log) -> dict[str, Any]:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("down")
        return {"log": ["ok"]}

    builder = StateGraph(Log)
    builder.add_node("flaky", flaky).add_edge(START, "flaky").add_edge("flaky", END)
    app = builder.compile(checkpointer=saver)
    with pytest.raises(ConnectionError):
        app.invoke({"log": ["in"]}, config())
    assert store.execution("t").status == "failed"
    app.invoke(None, config())
    assert store.execution("t").status == "completed"


def test_a_graph_stopped_between_nodes_is_running(saver: Saver, store: Store) -> None:
    line(saver, interrupt_before=["b"]).invoke({"log": ["in"]}, config())
    assert store.execution("t").status == "running"


def test_a_half_filled_join_is_no_next_node(saver: Saver, store: Store) -> None:
    builder = StateGraph(Log)
    builder.add_node("a", add("a")).add_node("b", add("b")).add_node("c", add("c"))
    builder.add_edge(START, "a").add_edge(["a", "b"], "c").add_edge("c", END)
    builder.compile(checkpointer=saver).invoke({"log": ["in"]}, config())
    assert store.execution("t").status == "completed"


def test_the_functional_api_completes_too(saver: Saver, store: Store) -> None:
    @task
    def double(n: int) -> int:
        return 2 * n

    @entrypoint(checkpointer=saver)
    def flow(n: int) -> int:
        return double(n).result()

    flow.invoke(4, config())
    assert store.execution("t").status == "completed"


@pytest.mark.parametrize("durability", ["sync", "async"])
def test_a_rolled_back_thread_goes_on_from_there_and_runs_the_node_again(
    saver: Saver, store: Store, durability: str
) -> None:
    ran: list[str] = []
    app = line(saver, ran)
    app.invoke({"log": ["in"]}, config(), durability=durability)
    ran.clear()
    store.rollback("t", seq_before(app, store, "b"))
    state = app.get_state(config())
    assert (state.values, state.next, state.tasks[0].result) == ({"log": ["in", "a"]}, ("b",), None)
    assert [s.next for s in app.get_state_history(config())] == [("b",), ("a",), ("__start__",)]
    assert app.invoke(None, config(), durability=durability) == {"log": ["in", "a", "b", "c"]}
    assert ran == ["b", "c"]
    assert store.execution("t").status == "completed"
    assert len([*app.get_state_history(config())]) == 5


def test_a_rollback_is_seen_by_a_saver_that_knew_the_thread(saver: Saver, store: Store) -> None:
    app = line(saver)
    app.invoke({"log": ["in"]}, config())
    store.rollback("t", seq_before(app, store, "c"))
    app.update_state(config(), {"log": ["edited"]})
    assert app.invoke(None, config()) == {"log": ["in", "a", "b", "edited", "c"]}


def test_a_rollback_before_a_question_asks_it_again(saver: Saver, store: Store) -> None:
    builder = StateGraph(Log)
    builder.add_node("a", add("a")).add_node("ask", lambda state: {"log": [interrupt("well?")]})
    builder.add_edge(START, "a").add_edge("a", "ask").add_edge("ask", END)
    app = builder.compile(checkpointer=saver)
    app.invoke({"log": ["in"]}, config())
    app.invoke(Command(resume="first answer"), config())
    store.rollback("t", seq_before(app, store, "ask"))
    assert [i.value for i in app.invoke(None, config())["__interrupt__"]] == ["well?"]
    assert app.invoke(Command(resume="second answer"), config())["log"] == ["in", "a", "second answer"]


def test_a_rollback_takes_subgraphs_along(saver: Saver, store: Store) -> None:
    ran: list[str] = []
    inner = StateGraph(Log)
    inner.add_node("x", add("x", ran)).add_node("y", add("y", ran))
    inner.add_edge(START, "x").add_edge("x", "y").add_edge("y", END)
    outer = StateGraph(Log)
    outer.add_node("inner", inner.compile()).add_node("z", add("z", ran))
    outer.add_edge(START, "inner").add_edge("inner", "z").add_edge("z", END)
    app = outer.compile(checkpointer=saver)
    first = app.invoke({"log": ["in"]}, config())
    ran.clear()
    store.rollback("t", seq_before(app, store, "inner"))
    assert app.invoke(None, config()) == first
    assert ran == ["x", "y", "z"]


def test_a_fork_is_a_thread_of_its_own_that_runs_the_node_again(saver: Saver, store: Store) -> None:
    ran: list[str] = []
    app = line(saver, ran)
    app.invoke({"log": ["in"]}, config())
    ran.clear()
    store.fork("t", seq_before(app, store, "b"), "other")
    assert app.get_state(config("other")).values == {"log": ["in", "a"]}
    app.update_state(config("other"), {"log": ["edited"]})
    assert app.invoke(None, config("other")) == {"log": ["in", "a", "edited", "b", "c"]}
    assert ran == ["b", "c"]
    assert app.get_state(config()).values == {"log": ["in", "a", "b", "c"]}
    store.delete("t")
    assert len([*app.get_state_history(config("other"))]) == 6


def test_a_fork_of_the_newest_checkpoint_takes_its_open_question_along(saver: Saver, store: Store) -> None:
    builder = StateGraph(Log)
    builder.add_node("ask", lambda state: {"log": [interrupt("well?")]}).add_edge(START, "ask").add_edge("ask", END)
    app = builder.compile(checkpointer=saver)
    app.invoke({"log": ["in"]}, config())
    store.fork("t", store.execution("t").head, "other")
    assert app.invoke(Command(resume="yes"), config("other"))["log"] == ["in", "yes"]
    assert [t.interrupts[0].value for t in app.get_state(config()).tasks] == ["well?"]
