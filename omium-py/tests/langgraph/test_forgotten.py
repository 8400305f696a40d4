"""An invocation that is over leaves nothing in memory."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

import omium
from omium.langgraph import Saver
from omium.langgraph.invocation import Invocation


class Number(TypedDict):
    number: int


@pytest.mark.parametrize("fails", [False, True])
def test_an_invocation_that_is_over_is_forgotten_with_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    made: list[weakref.ref[Invocation]] = []
    original = Invocation.__init__

    def counted(self: Invocation, *given: Any) -> None:
        original(self, *given)
        made.append(weakref.ref(self))

    monkeypatch.setattr(Invocation, "__init__", counted)

    @omium.step
    def add(number: int) -> int:
        return number + 1

    def node(state: Number) -> Number:
        number = add(state["number"])
        if fails:
            raise ValueError("no")
        return {"number": number}

    saver = Saver(tmp_path / "store")
    graph: Any = StateGraph(Number).add_node("node", node).add_edge(START, "node").add_edge("node", END)
    compiled = graph.compile(checkpointer=saver)
    for turn in range(3):
        try:
            compiled.invoke({"number": turn}, {"configurable": {"thread_id": f"t{turn}"}})
        except ValueError:
            assert fails
    assert len(made) == 3
    gc.collect()
    assert [each for each in made if each() is not None] == []
