"""Delta channels: their history, and what may not be pruned under them."""

from itertools import pairwise
from typing import Annotated, Any

import pytest
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt
from langgraph_support import config
from typing_extensions import TypedDict

from omium.langgraph import Saver


def extend(value: list[str], writes: list[list[str]]) -> list[str]:
    return [*value, *(item for write in writes for item in write)]


def graph(saver: BaseCheckpointSaver, snapshot_frequency: int = 4, ask: bool = False) -> Any:
    class State(TypedDict):
        log: Annotated[list[str], DeltaChannel(extend, snapshot_frequency=snapshot_frequency)]
        notes: Annotated[list[str], DeltaChannel(extend, snapshot_frequency=1)]
        turn: int

    def work(state: State) -> dict[str, Any]:
        turn = state.get("turn", 0) + 1
        written: dict[str, Any] = {"log": [f"work {turn}"], "turn": turn}
        return {**written, "notes": [f"note {turn}"]} if turn % 2 else written

    def fan(state: State) -> list[Send]:
        return [Send("part", name) for name in "cab"]

    def part(name: str) -> dict[str, Any]:
        return {"log": [f"part {name}"]}

    def last(state: State) -> dict[str, Any]:
        return {"log": [f"answer {interrupt('go on?')}"]} if ask else {"log": ["last"]}

    builder = StateGraph(State)
    builder.add_node("work", work).add_node("part", part).add_node("last", last)
    builder.add_edge(START, "work").add_conditional_edges("work", fan, ["part"])
    builder.add_edge("part", "last").add_edge("last", END)
    return builder.compile(checkpointer=saver)


def run(saver: BaseCheckpointSaver, turns: int, **options: Any) -> Any:
    app = graph(saver, **options)
    for turn in range(turns):
        app.invoke({"log": [f"input {turn}"], "turn": turn}, config())
    return app


@pytest.mark.parametrize("frequency", [1, 2, 4, 1000])
def test_the_history_rebuilds_every_state_of_the_past(saver: Saver, frequency: int) -> None:
    app, model = run(saver, 4, snapshot_frequency=frequency), run(InMemorySaver(), 4, snapshot_frequency=frequency)
    ours = [state.values for state in app.get_state_history(config())]
    assert ours == [state.values for state in model.get_state_history(config())]
    assert len(ours[0]["log"]) == 4 * 6


@pytest.mark.parametrize("frequency", [1, 2, 4])
def test_a_snapshot_stands_at_every_checkpoint_with_its_version(saver: Saver, frequency: int) -> None:
    model = InMemorySaver()
    run(saver, 3, snapshot_frequency=frequency), run(model, 3, snapshot_frequency=frequency)
    ours = [item.checkpoint["channel_values"] for item in saver.list(config())]
    assert ours == [item.checkpoint["channel_values"] for item in model.list(config())]
    unwritten = [
        values
        for older, values in pairwise(reversed(ours))
        if "notes" in older and values.get("notes") == older["notes"]
    ]
    assert unwritten, "no checkpoint has the snapshot of an earlier one"


def test_a_snapshot_its_parent_has_lost_is_not_asked_for(saver: Saver, put: Any) -> None:
    first = put({"log": 1, "n": 1})
    second = put({"n": 2}, {"log": 1, "n": 2}, after=first, new={"n": 2})
    saver._link.store.put_state(
        "t",
        "",
        second["configurable"]["checkpoint_id"],
        None,
        name="loop",
        body=("x", b"1"),
        meta=("x", b"1"),
        values=[],
    )
    third = put({"n": 2}, {"log": 1, "n": 2}, after=second, new={})
    found = saver.get_tuple(third)
    assert found is not None
    assert found.checkpoint["channel_values"] == {"n": 2}


def test_the_history_is_what_the_contract_of_the_base_class_says(saver: Saver) -> None:
    run(saver, 3)
    for item in saver.list(config()):
        for channels in (["log"], ["notes", "log"], ["turn"], ["unknown"], []):
            expected = BaseCheckpointSaver.get_delta_channel_history(saver, config=item.config, channels=channels)
            assert saver.get_delta_channel_history(config=item.config, channels=channels) == expected


async def test_the_async_history_is_the_same(saver: Saver) -> None:
    run(saver, 2)
    ours = await saver.aget_delta_channel_history(config=config(), channels=["log", "notes"])
    assert ours == saver.get_delta_channel_history(config=config(), channels=["log", "notes"])
    assert ours["log"]["writes"]


def test_an_unknown_thread_has_an_empty_history(saver: Saver) -> None:
    assert saver.get_delta_channel_history(config=config("none"), channels=["a"]) == {"a": {"writes": []}}


def test_only_ancestors_count_and_not_other_branches(saver: Saver, put: Any) -> None:
    root = put({"seed": 1}, {"log": 1, "seed": 1})
    saver.put_writes(root, [("log", ["root"])], "task")
    left, right = put({}, {"log": 2}, after=root), put({}, {"log": 2}, after=root)
    saver.put_writes(left, [("log", ["left"])], "task")
    saver.put_writes(right, [("log", ["right"])], "task")
    tip = put({}, {"log": 3}, after=left)
    found = saver.get_delta_channel_history(config=tip, channels=["log", "seed"])
    assert found["log"] == {"writes": [("task", "log", ["root"]), ("task", "log", ["left"])]}
    assert found["seed"] == {"writes": [], "seed": 1}


def test_a_chain_that_meets_itself_ends(saver: Saver, put: Any) -> None:
    first = put({}, {"log": 1})
    second = put({}, {"log": 2}, after=first)
    saver.put_writes(first, [("log", ["a"])], "task")
    put({}, {"log": 3}, after=second, id=first["configurable"]["checkpoint_id"])
    found = saver.get_delta_channel_history(config=second, channels=["log"])
    assert found["log"]["writes"] == [("task", "log", ["a"])]


@pytest.mark.parametrize("frequency", [1, 2, 4, 1000])
@pytest.mark.parametrize("turns", [1, 3])
def test_pruning_leaves_the_newest_state_whole_and_the_thread_going(saver: Saver, frequency: int, turns: int) -> None:
    app = run(saver, turns, snapshot_frequency=frequency)
    before, count = app.get_state(config()).values, len([*saver.list(config())])
    saver.prune(["t"])
    left = len([*saver.list(config())])
    assert app.get_state(config()).values == before
    assert left < count or frequency == 1000
    app.invoke({"log": ["again"], "turn": 9}, config())
    assert app.get_state(config()).values["log"] == [
        *before["log"], "again", "work 10", "part c", "part a", "part b", "last"
    ]  # fmt: skip


def test_pruning_a_thread_that_waits_for_an_answer_keeps_the_question(saver: Saver) -> None:
    app = graph(saver, ask=True)
    app.invoke({"log": ["input"], "turn": 0}, config())
    before = app.get_state(config())
    assert [task.interrupts[0].value for task in before.tasks] == ["go on?"]
    saver.prune(["t"])
    after = app.get_state(config())
    assert (after.values, after.next, after.tasks) == (before.values, before.next, before.tasks)
    from langgraph.types import Command

    assert app.invoke(Command(resume="yes"), config())["log"][-1] == "answer yes"


def test_a_thread_without_delta_channels_is_pruned_to_one_checkpoint(saver: Saver) -> None:
    class State(TypedDict):
        n: int

    builder = StateGraph(State)
    builder.add_node("a", lambda state: {"n": state["n"] + 1}).add_node("b", lambda state: {"n": state["n"] + 1})
    builder.add_edge(START, "a").add_edge("a", "b").add_edge("b", END)
    app = builder.compile(checkpointer=saver)
    app.invoke({"n": 0}, config())
    app.invoke({"n": 5}, config())
    saver.prune(["t"])
    assert [item.checkpoint["channel_values"] for item in saver.list(config())] == [{"n": 7}]
    assert app.invoke({"n": 1}, config()) == {"n": 3}
