"""`omium torture`: it finds what is wrong, and only that."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from desk import EXAMPLES, Desk

from omium.torture.campaign import torture
from omium.torture.person import Person
from omium.torture.trial import Program


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
    if name.startswith("langgraph"):
        pytest.importorskip("langgraph")
    code, told = tortured(desk, "--limit", str(limit), EXAMPLES / name)
    assert (code, told["violations"]) == (0, [])
    assert told["kills"] + told["not_reached"] == limit
    assert told["not_reached"] <= 1
    assert told["compared"] >= 5


def test_the_tools_of_a_graph_are_killed_inside(desk: Desk) -> None:
    pytest.importorskip("langgraph")
    example = EXAMPLES / "langgraph_tools.py"
    code, told = tortured(desk, "--limit", "16", example)
    assert (code, told["violations"]) == (0, [])
    assert told["not_reached"] <= 1
    assert told["effects"] == {"charge_card": 1, "send_mail": 1}
    assert {each["effect"] for each in told["settled"]} == {"tools › charge_card", "tools › send_mail"}


def test_a_tool_that_charges_on_the_side_is_found(desk: Desk) -> None:
    pytest.importorskip("langgraph")
    right = (EXAMPLES / "langgraph_tools.py").read_text()
    desk.script(right.replace("@omium.effect(probe=find_charge)\n", ""), "wrong.py")
    code, told = tortured(desk, "--limit", "16", "wrong.py")
    assert code == 1
    assert "bank.txt has lines more than once: an effect was repeated" in [each["what"] for each in told["violations"]]


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
    for policy in ("ask", "fail"):
        code, told = tortured(desk, script, policy)
        assert (code, told["violations"]) == (0, [])
        # Before the body and after it torture knows the truth and tells it; in between nobody does.
        assert {each["outcome"] for each in told["settled"]} == {
            "a person said that it had happened, not repeated",
            "a person said that it had not happened, ran",
            "left to a person, as it asks for",
        }


QUESTIONS = """
    import omium

    @omium.effect(in_doubt="ask")
    def send(count):
        with open("sent.txt", "a") as sent:
            sent.write(f"{count}\\n")

    @omium.step
    def count(minimum):
        wanted = omium.ask(f"how many, {minimum} at least?")
        return wanted if wanted >= minimum else count(minimum + 1)

    @omium.workflow
    def work():
        letters = count(1)
        if omium.ask("send them?", choices=["yes", "no"]) == "yes":
            send(letters)
        return letters

    print(work.options(id="w").start().status)
"""


def test_questions_are_answered_from_a_script(desk: Desk) -> None:
    script = desk.script(QUESTIONS)
    code, told = tortured(desk, "--limit", "40", "--answer", "0", "--answer", "7", "--answer", "yes", script)
    assert (code, told["violations"], told["unanswered"]) == (0, [], [])
    assert (told["kills"], told["not_reached"]) == (40, 0)
    assert told["effects"] == {"send": 1}
    # The effect comes after the third answer: the kills reach every run of the program.
    assert sum(each["kills"] for each in told["settled"]) > 1


def test_without_an_answer_it_says_where_it_stopped(desk: Desk) -> None:
    script = desk.script(QUESTIONS)
    code, _, err = desk.omium("torture", "--answer", "7", "--limit", "6", script)
    assert (code, "7 is none of the choices: 'yes', 'no'" in err) == (1, True)
    code, told = tortured(desk, "--limit", "6", script)
    assert (code, told["violations"], told["effects"]) == (0, [], {})
    assert told["unanswered"] == ["how many, 1 at least?"]
    code, out, _ = desk.omium("torture", "--limit", "2", script)
    assert "the question 'how many, 1 at least?'; --answer VALUE lets it go on" in out


def test_an_answer_that_is_not_kept_is_found(desk: Desk) -> None:
    script = desk.script("""
        import os
        import omium

        def notice(text):
            # Asked again after a crash, and written again.
            with open("board.txt", "a") as board:
                board.write(text + "\\n")

        with omium.execution("w"):
            answer = omium.ask("open?")
            notice(str(answer))
    """)
    code, told = tortured(desk, "--answer", "true", script)
    assert code == 1
    assert [each["what"] for each in told["violations"]] == [
        "board.txt has lines more than once: an effect was repeated"
    ]
    assert any("1 answered" in place for place in told["violations"][0]["killed"])


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
    assert (code, "cannot read nothing.py" in err) == (1, True)
    code, _, err = desk.omium("torture", "--with", "data", desk.script("raise SystemExit(4)"))
    assert (code, err.splitlines()[0]) == (1, "error: there is nothing at data")


def test_the_report_for_people(desk: Desk) -> None:
    code, out, err = desk.omium("torture", "--limit", "6", EXAMPLES / "effects.py")
    assert code == 0
    assert out.startswith("effects.py: 6 kills")
    assert "0 violations" in out
    assert err == ""


def test_what_a_program_records_may_differ_from_run_to_run(desk: Desk) -> None:
    """As what a model answers does: what was made of it is found by its turn, and its kills are made."""
    script = desk.script("""
        import random
        import sys
        import omium

        @omium.step
        def draw():
            return random.randrange(10**9)

        @omium.step
        def write(number):
            if "twice" in sys.argv:
                keep(number)
            return number

        def keep(number):
            with open("numbers.txt", "a") as numbers:
                numbers.write(f"{number}\\n")

        with omium.execution("w"):
            write(draw())
    """)
    code, told = tortured(desk, script)
    assert (code, told["violations"], told["not_reached"]) == (0, [], 0)
    assert told["kills"] == told["places"] > 20
    code, told = tortured(desk, script, "twice")
    assert code == 1
    (violation,) = told["violations"]
    assert violation["what"] == "numbers.txt has 2 lines instead of 1: an effect was repeated"
    assert any(place.startswith("at the end of step write") for place in violation["killed"])


def test_a_program_that_decides_by_chance_is_told_so_once(desk: Desk) -> None:
    script = desk.script("""
        import random
        import omium

        @omium.step
        def write(number):
            return number

        with omium.execution("w"):
            write(random.random())
            write(2)
    """)
    code, told = tortured(desk, script)
    assert code == 1
    (violation,) = told["violations"]
    assert violation["lines"][0] == "Divergence: w@1 recorded write with other inputs than the code now gives write"
    assert violation["lines"][-1] == "at script.py:10 in <module>"
    assert len(violation["killed"]) > 5
    assert "belongs into a step" in violation["hint"]


def test_an_id_that_is_made_up_each_time_is_named(desk: Desk) -> None:
    script = desk.script("""
        import uuid
        import omium

        @omium.step
        def write(number):
            return number

        with omium.execution(f"run-{uuid.uuid4()}"):
            write(1)
    """)
    code, told = tortured(desk, script)
    assert code == 1
    (violation,) = told["violations"]
    assert violation["what"] == "execution run-… was not continued: the program made up another id"
    assert "options(id=" in violation["hint"]


def test_what_the_hint_says_depends_on_what_was_under_way(desk: Desk) -> None:
    script = desk.script("""
        import sys
        import omium

        def lie(text):
            return None

        given = {"probe": lie} if sys.argv[1] == "probe" else {"in_doubt": "retry"}

        @omium.effect(**given)
        def send(text):
            with open("sent.txt", "a") as sent:
                sent.write(text + "\\n")
            return text

        with omium.execution("w"):
            send("dear customer")
    """)
    for how, said in (("probe", "its probe said that it had not"), ("retry", "must act once per key")):
        _, told = tortured(desk, script, how)
        (violation,) = told["violations"]
        assert violation["what"] == "sent.txt has lines more than once: an effect was repeated"
        assert said in violation["hint"]


def test_a_continued_run_that_hangs_is_a_violation(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.script("""
        import os
        import time
        import omium

        @omium.step
        def begin():
            open("begun", "w").close()

        with omium.execution("w"):
            if os.path.exists("begun"):
                time.sleep(3600)
            begin()
    """)
    monkeypatch.setattr("omium.torture.trial._SLOWER_LEAST_S", 5)
    monkeypatch.setattr("omium.torture.trial._SLOWER", 3)
    program = Program(desk.directory / "script.py", [], tmp_path / "trials", [], [], Person([], {}, {}))
    findings = torture(program, limit=2)
    hangs = [found for found in findings.violations if "did not end" in found.violation.what]
    assert len(hangs) == 1


def test_ctrl_c_tells_what_was_found_so_far(desk: Desk) -> None:
    command = ["-m", "omium.cli", "torture", "--jobs", "1", "--keep", "trials", str(EXAMPLES / "effects.py")]
    with desk.begin(*command) as child:
        while child.poll() is None and not (desk.directory / "trials" / "kill-3").exists():
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate()
    assert child.returncode == 130
    assert re.match(r"effects.py: \d kills of \d\d, then it was interrupted\n", out.decode())
    assert "no violation so far" in out.decode()


def test_a_program_that_records_nothing_is_refused(desk: Desk) -> None:
    code, _, err = desk.omium("torture", desk.script("open('a.txt', 'w').close()"))
    assert (code, "script.py records nothing" in err) == (1, True)


def test_a_program_that_fails_by_itself_shows_its_error(desk: Desk) -> None:
    script = desk.script("""
        import omium

        with omium.execution("w"):
            raise ValueError("no good")
    """)
    _, _, err = desk.omium("torture", script)
    assert err.splitlines()[:3] == [
        "error: script.py fails without any kill, with exit code 1",
        "  ValueError: no good",
        "  at script.py:5 in <module>",
    ]


def test_a_program_may_call_its_execution_as_it_calls_itself(desk: Desk) -> None:
    script = desk.script(
        """
        import omium

        @omium.step
        def work():
            return 1

        with omium.execution("agent"):
            work()
        """,
        "agent.py",
    )
    code, told = tortured(desk, "--limit", "2", script)
    assert (code, told["violations"]) == (0, [])
