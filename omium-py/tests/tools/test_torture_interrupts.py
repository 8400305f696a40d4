"""`omium torture` goes through the interrupts of a LangGraph thread, and says what it did not reach."""

from __future__ import annotations

import json
from typing import Any

import pytest
from desk import EXAMPLES, Desk

from omium.torture.person import Person
from omium.torture.trial import Program
from omium.torture.verdict import Judge

pytest.importorskip("langgraph")

BOT = """
    import sys
    from typing import TypedDict
    import omium
    from langgraph.graph import START, StateGraph
    from langgraph.types import interrupt
    from omium.langgraph import Saver

    class State(TypedDict, total=False):
        said: str

    def post(text):
        # No effect: killed after it, it is done again.
        with open("board.txt", "a") as board:
            board.write(text + "\\n")
        return text

    def node(state):
        said = interrupt("send it?")
        if said:
            post(said)
        return {"said": said}

    def main():
        graph = StateGraph(State).add_node("node", node).add_edge(START, "node").compile(checkpointer=Saver())
        thread = {"configurable": {"thread_id": "t"}}
        begun = graph.get_state(thread)
        if not begun.interrupts and (begun.tasks or not begun.values):
            graph.invoke(None if begun.tasks else {"said": ""}, thread, durability="sync")

    if __name__ == "__main__":
        main()
"""


def program(desk: Desk, name: str, *script: Any) -> Program:
    return Program(desk.directory / name, [], desk.directory / "trials", [], [], Person(script, {}, {}))


def test_the_example_is_right_through_both_of_its_interrupts(desk: Desk) -> None:
    code, out, err = desk.omium(
        "torture", "--json", "--limit", "3", "--answer", "yes", EXAMPLES / "langgraph_approval.py"
    )
    told = json.loads(out)
    assert (code, told["violations"], told["unanswered"]) == (0, [], []), err
    assert (told["kills"], told["effects"]) == (3, {"order": 1})


def test_what_is_wrong_behind_an_interrupt_is_found(desk: Desk) -> None:
    tortured = program(desk, desk.script(BOT), "yes")
    reference = tortured.trial("uninterrupted", None)
    assert reference.left.files == {"board.txt": ["yes"]}
    assert reference.left.executions["t"]["state said"] == "yes"
    behind = [point for point in reference.journal.points if point.answered == 1]
    trial = tortured.trial("kill", next(point for point in behind if "in post, at its end" in point.place))
    assert trial.journal.killed
    assert [each.what for each in Judge(reference, reference).judge(trial)] == [
        "board.txt has lines more than once: an effect was repeated"
    ]


def test_what_was_not_reached_is_no_tick(desk: Desk) -> None:
    code, out, _ = desk.omium("torture", "--limit", "1", desk.script(BOT))
    assert code == 0
    assert "not what comes after the question 'send it?'; --answer VALUE lets it go on" in out
    assert "0 violations up to there" in out
    assert "✓" not in out


def test_an_answer_that_is_not_taken_is_no_success(desk: Desk) -> None:
    stops = BOT.replace("if not begun.interrupts and (begun.tasks or not begun.values):", "if not begun.values:")
    code, _, err = desk.omium("torture", "--answer", "yes", desk.script(stops))
    assert code == 1
    assert "script.py does not go on with its thread 't', which has its answer" in err
    code, _, err = desk.omium("torture", "--answer", "yes", desk.script("import omium; omium.step(print)()"))
    assert code == 1
    assert "script.py asks nothing: no answer was needed" in err


def test_a_program_that_asks_for_ever_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from omium.cli._errors import CommandError
    from omium.torture import trial

    monkeypatch.setattr(trial, "_ANSWERS_MAX", 1)
    tortured = program(
        desk, desk.script(BOT.replace('said = interrupt("send it?")', 'said = [interrupt(n) for n in "abc"]')), "yes"
    )
    with pytest.raises(CommandError, match="asks more than 1 times"):
        tortured.trial("uninterrupted", None)
