"""`omium torture`: it finds what is wrong, and only that."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import EXAMPLES, Desk


def tortured(desk: Desk, *arguments: Any) -> tuple[int, dict[str, Any]]:
    code, out, err = desk.omium("torture", "--json", *arguments)
    assert out, err
    return code, json.loads(out)


def test_it_finds_the_bug_that_is_there_on_purpose(desk: Desk) -> None:
    code, told = tortured(desk, EXAMPLES / "wrong_on_purpose.py")
    assert code == 1
    assert [violation["what"] for violation in told["violations"]] == [
        "ledger.txt has lines more than once: an effect was repeated"
    ]
    (violation,) = told["violations"]
    assert violation["lines"] == ["2 times instead of 1: charged a ticket to Lisbon 1800"]
    # Exactly between the write and the record of the step around it.
    places = " ".join(violation["killed"])
    assert "in charge" in places
    assert "at the end of step pay" in places
    assert not any(word in places for word in ("price", "before step pay", "after the record of step pay"))


def test_the_right_way_has_no_violation(desk: Desk) -> None:
    code, told = tortured(desk, EXAMPLES / "effects.py")
    assert (code, told["violations"]) == (0, [])
    assert told["kills"] == told["places"] > 20
    assert told["effects"] == {"charge": 1}
    outcomes = {each["outcome"]: each["kills"] for each in told["settled"]}
    assert set(outcomes) == {"had happened by its probe, not repeated", "had not happened by its probe, ran"}
    assert all(count > 0 for count in outcomes.values())


@pytest.mark.parametrize(("name", "limit"), [("workflow.py", 16), ("langgraph_agent.py", 8)])
def test_the_other_examples_have_none(desk: Desk, name: str, limit: int) -> None:
    if name == "langgraph_agent.py":
        pytest.importorskip("langgraph")
    code, told = tortured(desk, "--limit", str(limit), EXAMPLES / name)
    assert (code, told["violations"]) == (0, [])
    assert told["kills"] + told["not_reached"] == limit
    assert told["not_reached"] <= 1
    assert told["compared"] >= 5


def test_what_is_forgotten_runs_again_and_is_found(desk: Desk) -> None:
    script = desk.script("""
        import omium

        @omium.step
        def paid(n):
            return n

        @omium.workflow
        def work():
            paid(1)
            return paid(2)

        # Whoever gives up what was recorded pays twice.
        if any(each.id == "w" and each.status != "completed" for each in omium.executions()):
            omium.get("w").rollback(0)
        work.options(id="w").start()
    """)
    code, told = tortured(desk, script)
    assert code == 1
    assert "step paid ran 2 times, 1 needed: it was on record already" in [each["what"] for each in told["violations"]]


def test_a_lost_effect_is_found(desk: Desk) -> None:
    script = desk.script("""
        import os
        import omium

        @omium.step
        def promise():
            return "sent"

        @omium.workflow
        def work():
            promise()
            # Not there when the step is answered from the record.
            if not os.path.exists("began"):
                open("began", "w").close()
                with open("letters.txt", "a") as letters:
                    letters.write("dear customer\\n")

        work.options(id="w").start()
    """)
    code, told = tortured(desk, script)
    assert code == 1
    assert "letters.txt lacks lines: an effect was lost" in [each["what"] for each in told["violations"]]


def test_a_retry_under_the_same_key_and_a_person(desk: Desk) -> None:
    script = desk.script("""
        import sys
        import omium

        @omium.effect(in_doubt=sys.argv[1])
        def send(text):
            return omium.idempotency_key()

        @omium.workflow
        def work():
            return send("hello")

        work.options(id="w").start()
    """)
    code, told = tortured(desk, script, "retry")
    assert (code, told["violations"]) == (0, [])
    assert [each["outcome"] for each in told["settled"]] == ["tried again under the same idempotency key"]
    code, told = tortured(desk, script, "fail")
    assert (code, told["violations"]) == (0, [])
    assert [each["outcome"] for each in told["settled"]] == ["left to a person, as it asks for"]


def test_a_file_outside(desk: Desk) -> None:
    book = desk.directory / "book.txt"
    book.write_text("earlier\n")
    script = desk.script(f"""
        import omium

        @omium.step
        def write(line):
            with open({str(book)!r}, "a") as book:
                book.write(line + "\\n")

        with omium.execution("w"):
            write("once")
    """)
    code, told = tortured(desk, "--watch", "book.txt", script)
    assert code == 1
    assert told["violations"][0]["lines"] == ["2 times instead of 1: once"]


def test_what_cannot_be_tortured(desk: Desk) -> None:
    code, _, err = desk.omium("torture", desk.script("raise SystemExit(4)"))
    assert (code, "fails without any kill, with exit code 4" in err) == (1, True)
    code, _, err = desk.omium("torture", "nothing.py")
    assert (code, "there is no file nothing.py" in err) == (1, True)


def test_the_report_for_people(desk: Desk) -> None:
    code, out, err = desk.omium("torture", "--limit", "6", EXAMPLES / "effects.py")
    assert code == 0
    assert out.startswith("effects.py: 6 kills")
    assert "0 violations" in out
    assert err == ""
