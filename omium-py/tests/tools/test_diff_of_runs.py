"""`omium diff A B`: two runs, call by call."""

from __future__ import annotations

import json

from conftest import Desk

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
