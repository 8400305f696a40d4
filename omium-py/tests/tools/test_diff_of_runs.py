"""`omium diff A B`: two runs, call by call."""

from __future__ import annotations

import json

import pytest
from desk import Desk

PROGRAM = """
    import os, sys
    import omium

    change = os.environ.get("CHANGE", "")

    @omium.step
    def plan(topic):
        return ["crashes", "locks" if change == "input" else "leases"]

    @omium.step
    def search(point):
        return f"{point}: found"

    @omium.step
    def extra():
        return 1

    @omium.step
    def write(found):
        return f"{'A loud' if change == 'output' else 'A plain'} report"

    @omium.workflow
    def report(topic):
        found = [search(point) for point in plan(topic)]
        if change == "more":
            extra()
        return write(found)

    if __name__ == "__main__":
        report.options(id=sys.argv[1]).start("agents")
"""


def compared(desk: Desk, change: str) -> tuple[list[tuple[str, str]], dict]:
    script = desk.script(PROGRAM)
    desk.run(script, "old")
    desk.run(script, "new", CHANGE=change)
    code, out, _ = desk.omium("diff", "old", "new", "--json")
    assert code == 0
    told = json.loads(out)
    return [(call["name"], call["outcome"]) for call in told["calls"]], told


def test_the_same_run(desk: Desk) -> None:
    calls, told = compared(desk, "")
    assert calls == [("plan", "same"), ("search", "same"), ("search", "same"), ("write", "same")]
    assert told["changes"] == []
    code, out, err = desk.omium("diff", "old", "new")
    assert (code, "no difference" in err, "~" in out) == (0, True, False)


def test_other_inputs_and_outputs(desk: Desk) -> None:
    calls, told = compared(desk, "input")
    assert calls == [("plan", "output"), ("search", "same"), ("search", "input and output"), ("write", "input")]
    assert {"path": "input.point", "op": "changed", "old": "leases", "new": "locks"} in told["calls"][2]["changes"]
    assert told["changes"] == []


def test_another_result(desk: Desk) -> None:
    calls, told = compared(desk, "output")
    assert calls[-1] == ("write", "output")
    assert [change["path"] for change in told["changes"]] == ["result"]
    text = desk.omium("diff", "old", "new")[1]
    assert "~ write  @4 @4  other output" in text


def test_a_call_in_one_run_only(desk: Desk) -> None:
    calls, told = compared(desk, "more")
    assert ("extra", "right") in calls
    assert [outcome for _, outcome in calls].count("same") == 4
    assert [call["old"] for call in told["calls"] if call["name"] == "extra"] == [None]
    backwards = json.loads(desk.omium("diff", "new", "old", "--json")[1])
    assert ("extra", "left") in [(call["name"], call["outcome"]) for call in backwards["calls"]]


def test_with_a_seq_it_compares_what_was_known_there(desk: Desk) -> None:
    compared(desk, "output")
    told = json.loads(desk.omium("diff", "old@3", "new", "--json")[1])
    assert (told["old"], told["new"]) == ("old@3", "new@4")


LONG = """
    import os, sys
    import omium

    @omium.step
    def read(page):
        return "other" if page == int(os.environ.get("CHANGE", "-1")) else "same"

    @omium.step
    def more():
        return 1

    @omium.workflow
    def book():
        for page in range(40):
            read(page)
        if "CHANGE" in os.environ:
            more()

    if __name__ == "__main__":
        book.options(id=sys.argv[1]).start()
"""


def test_long_rows_of_equal_calls_are_one_line(desk: Desk) -> None:
    script = desk.script(LONG)
    desk.run(script, "old")
    desk.run(script, "new", CHANGE="20")
    rows = desk.omium("diff", "old", "new")[1].splitlines()[2:]
    assert rows == [
        "  19 calls the same, @1 @1 to @19 @19",
        "  read  @20 @20",
        "~ read  @21 @21  other output",
        "    ~ output: 'same' → 'other'",
        "  read  @22 @22",
        "  17 calls the same, @23 @23 to @39 @39",
        "  read  @40 @40",
        "+ more  - @41",
    ]
    whole = desk.omium("diff", "--full", "old", "new")[1].splitlines()
    assert sum(row.lstrip(" ~+").startswith(("read", "more")) for row in whole) == 41


THREADS = """
    import sys
    from langchain_core.messages import AIMessage
    from langgraph.graph import START, MessagesState, StateGraph
    from omium.langgraph import Saver

    builder = StateGraph(MessagesState)
    words = ["one", sys.argv[2], "three", "four"]
    for number, word in enumerate(words):
        builder.add_node(f"say{number}", lambda state, word=word: {"messages": [AIMessage(word)]})
        builder.add_edge(f"say{number - 1}" if number else START, f"say{number}")
    graph = builder.compile(checkpointer=Saver())
    graph.invoke({"messages": [("user", "go")]}, {"configurable": {"thread_id": sys.argv[1]}}, durability="sync")
"""


def test_two_threads_differ_where_a_node_said_something_else(desk: Desk) -> None:
    pytest.importorskip("langgraph")
    script = desk.script(THREADS)
    desk.run(script, "old", "two")
    desk.run(script, "new", "deux")
    told = json.loads(desk.omium("diff", "old", "new", "--json")[1])
    # The messages have ids of their own in every run, and every later state holds the other word as well.
    assert [(call["name"], call["outcome"]) for call in told["calls"] if call["outcome"] != "same"] == [
        ("say1", "output")
    ]
    (change,) = (change for call in told["calls"] for change in call["changes"])
    assert (change["path"], change["old"], change["new"]) == ("output.messages[2].content", "two", "deux")
    whole = json.loads(desk.omium("diff", "old", "new", "--json", "--full")[1])
    assert sum(call["outcome"] != "same" for call in whole["calls"]) > 1


MODEL = """
    import os, sys
    import httpx
    import omium

    def answer(request):
        body = {
            "id": f"chatcmpl-{sys.argv[1]}", "created": len(sys.argv[1]), "usage": {"total_tokens": len(sys.argv[1])},
            "choices": [{"message": {"content": os.environ.get("SAY", "hello")}}],
        }
        return httpx.Response(200, json=body, headers={"x-request-id": sys.argv[1]})

    with omium.execution(sys.argv[1], workflow="chat"), httpx.Client(transport=httpx.MockTransport(answer)) as client:
        client.post("http://127.0.0.1:9/v1/chat/completions", json={"model": "m", "messages": []})
"""


def test_of_a_model_what_it_says_is_compared(desk: Desk) -> None:
    script = desk.script(MODEL)
    for id, say in (("old", "hello"), ("again", "hello"), ("new", "good day")):
        assert desk.run(script, id, SAY=say).returncode == 0
    assert "no difference" in desk.omium("diff", "old", "again")[2]
    (call,) = json.loads(desk.omium("diff", "old", "new", "--json")[1])["calls"]
    assert [(each["path"].split(".", 1)[0], each["old"], each["new"]) for each in call["changes"]] == [
        ("output", "hello", "good day")
    ]
    assert "x-request-id" not in desk.omium("diff", "old", "new")[1]
    assert "chatcmpl-again" in desk.omium("diff", "old", "again", "--full")[1]
