"""`omium run`: the same command continues a script."""

from __future__ import annotations

import json

import pytest
from desk import Desk

STEPS = """
    import os, sys
    import omium

    @omium.step
    def first(text):
        print("first runs")
        return text * 2

    @omium.step
    def second(text):
        if os.environ.get("DIE"):
            os._exit(9)
        return text + "!"

    if __name__ == "__main__":
        print(second(first(sys.argv[1])))
"""


def executions(desk: Desk) -> dict[str, str]:
    return {each["id"]: each["status"] for each in json.loads(desk.omium("ls", "--json")[1])}


def test_the_same_command_continues(desk: Desk) -> None:
    script = desk.script(STEPS)
    code, out, _ = desk.omium("run", script, "ab", DIE="1")
    assert (code, out) == (9, "first runs\n")
    code, out, err = desk.omium("run", script, "ab")
    assert (code, out) == (0, "abab!\n")
    assert "first  from the record" in err
    assert "second  ran, " in err
    assert "1 call from the record, 1 ran" in err
    code, out, err = desk.omium("run", script, "ab")
    assert (code, out) == (0, "abab!\n")
    assert "2 calls from the record, 0 ran" in err


def test_other_arguments_are_another_execution(desk: Desk) -> None:
    script = desk.script(STEPS)
    desk.omium("run", script, "ab")
    _, out, _ = desk.omium("run", script, "cd")
    assert "first runs" in out
    assert len(executions(desk)) == 2
    desk.omium("run", "--id", "mine", script, "--like-an-option")
    assert executions(desk)["mine"] == "completed"


def test_a_workflow_with_an_id_is_not_wrapped(desk: Desk) -> None:
    script = desk.script(
        STEPS.partition("    if __name__")[0]
        + """
    @omium.workflow
    def both(text):
        return second(first(text))

    both.options(id="mine").start("ab")
    """
    )
    assert desk.omium("run", script)[0] == 0
    assert executions(desk) == {"mine": "completed"}


def test_a_workflow_without_an_id_is_found_again(desk: Desk) -> None:
    script = desk.script(
        STEPS.partition("    if __name__")[0]
        + """
    @omium.workflow
    def both(text):
        return second(first(text))

    print(both("ab"))
    """
    )
    desk.omium("run", script, DIE="1")
    code, out, _ = desk.omium("run", script)
    assert (code, out) == (0, "abab!\n")
    assert list(executions(desk).values()) == ["completed"]


def test_exit_codes_are_those_of_the_script(desk: Desk) -> None:
    assert desk.omium("run", desk.script("import sys; sys.exit(7)"))[0] == 7
    assert desk.omium("run", desk.script("import sys; sys.exit()"))[0] == 0
    code, _, err = desk.omium("run", desk.script("import sys; sys.exit('enough')"))
    assert (code, "enough" in err) == (1, True)
    code, _, err = desk.omium("run", desk.script("raise ValueError('no')"))
    assert code == 1
    assert "error: ValueError: no" in err
    assert "script.py" in err
    code, _, err = desk.omium("run", "nothing.py")
    assert (code, "cannot read nothing.py" in err) == (1, True)


def test_a_question_ends_it_well_and_says_how_to_answer(desk: Desk) -> None:
    script = desk.script("""
        import omium
        print("the answer is", omium.ask("go on?"))
    """)
    code, out, err = desk.omium("run", "--id", "mine", script)
    assert (code, out) == (0, "")
    assert "go on?" in err
    assert "omium answer mine" in err
    assert executions(desk) == {"mine": "waiting"}
    assert desk.omium("answer", "mine", "yes")[0] == 0
    assert desk.omium("run", "--id", "mine", script)[:2] == (0, "the answer is yes\n")


def test_an_option_behind_the_script_is_mentioned(desk: Desk) -> None:
    script = desk.script("import sys; print(sys.argv[1:])")
    for command, option in (("run", "--store=here"), ("torture", "--json")):
        _, _, err = desk.omium(command, script, "--other", option)
        assert err.startswith(f"note: {option} is given to script.py")
    _, out, err = desk.omium("run", script, "--other")
    assert (out, "note:" in err) == ("['--other']\n", False)


def test_a_run_that_fails_says_how_to_go_on(desk: Desk) -> None:
    script = desk.script("""
        import omium

        @omium.step
        def first():
            return 1

        @omium.step
        def second():
            raise ValueError("no good")

        @omium.workflow
        def work():
            first()
            second()

        if __name__ == "__main__":
            work.options(id="mine").start()
    """)
    code, _, err = desk.omium("run", script)
    assert code == 1
    assert err.splitlines()[-3:] == [
        "error: ValueError: no good",
        "0 calls from the record, 1 ran, 1 failed",
        "hint: omium why mine says why; the same command again goes on from there",
    ]
    # Nothing is on record of this one.
    _, _, err = desk.omium("run", desk.script("raise ValueError(1)", "other.py"))
    assert err.splitlines()[-1] == "error: ValueError: 1"


def test_a_script_that_cannot_begin_leaves_nothing(desk: Desk) -> None:
    desk.script("def broken(:", "broken.py")
    (desk.directory / "app").mkdir()
    desk.script("", "app/__main__.py")
    for verb in ("run", "torture"):
        for script, told in (
            ("none.py", "cannot read none.py"),
            ("broken.py", "broken.py is no Python: invalid syntax, line 1"),
            ("app", "name a Python file: app/__main__.py"),
        ):
            code, out, err = desk.omium(verb, script)
            assert (code, out, told in err, "Traceback" in err, "why" in err) == (1, "", True, False, False), err
    assert not (desk.directory / ".omium").exists()


def test_a_script_of_a_package_finds_its_neighbours(desk: Desk) -> None:
    (desk.directory / "app" / "inner").mkdir(parents=True)
    for name in ("app/__init__.py", "app/inner/__init__.py"):
        desk.script("", name)
    desk.script("import omium\n\n@omium.step\ndef work():\n    return 'worked'", "app/work.py")
    desk.script("from ..work import work\nfrom app import work as same\nassert same.work is work", "app/inner/deep.py")
    desk.script(
        """
        import omium
        from .inner import deep
        from .work import work

        if __name__ == "__main__":
            with omium.execution("packed"):
                print(work(), __package__)
        """,
        "app/__main__.py",
    )
    code, out, err = desk.omium("run", "app/__main__.py")
    assert (code, out) == (0, "worked app\n"), err
    code, out, err = desk.omium("replay", "packed", "--code", "app/__main__.py")
    assert (code, "1 call answered from the record, the same result" in out) == (0, True), err
    code, out, err = desk.omium("torture", "--limit", "2", "app/__main__.py")
    assert (code, "0 violations" in out) == (0, True), (out, err)


def test_a_program_that_goes_elsewhere(desk: Desk) -> None:
    (desk.directory / "other").mkdir()
    desk.script(
        STEPS.replace('        print("first runs")', '        os.chdir("other")\n        omium.init(store="mine")')
    )
    code, out, err = desk.omium("run", "--id", "r", "script.py", "ab")
    assert (code, out, "r: 0 calls from the record, 2 ran" in err) == (0, "abab!\n", True), err
    assert executions(desk) == {"r": "completed"}
    assert not any((desk.directory / "other").iterdir())


ASKING = """
    import os, sys
    import omium

    @omium.effect
    def send():
        if "DIE" in os.environ:
            os._exit(9)
        return "sent"

    @omium.workflow
    def flow():
        if "ASK" in os.environ:
            return omium.ask("really?")
        return send()

    if "FLOW" in os.environ:
        flow.options(id="r").start()
    else:
        flow._function()
"""


@pytest.mark.parametrize("more", [{"FLOW": "1"}, {}])
def test_what_it_waits_for_is_told(desk: Desk, more: dict[str, str]) -> None:
    desk.script(ASKING)
    command = ("run", "script.py") if more else ("run", "--id", "r", "script.py")
    desk.omium(*command, DIE="1", **more)
    code, _, err = desk.omium(*command, **more)
    hint = "hint: omium answer r RECEIPT, or omium answer r --did-not-happen, then run the same command again"
    assert (code, "did send at r@1 happen?" in err, hint in err) == (0, True, True), err
    desk.omium("answer", "r", "--did-not-happen")
    code, _, err = desk.omium(*command, **more)
    assert (code, "hint" in err, executions(desk)["r"]) == (0, False, "completed"), err


@pytest.mark.parametrize("more", [{"FLOW": "1"}, {}])
def test_a_question_is_told(desk: Desk, more: dict[str, str]) -> None:
    desk.script(ASKING)
    command = ("run", "script.py") if more else ("run", "--id", "r", "script.py")
    code, _, err = desk.omium(*command, ASK="1", **more)
    assert (code, "really?" in err) == (0, True)
    assert "hint: omium answer r VALUE, then run the same command again" in err


def test_what_is_no_exception_has_no_stack_of_omium(desk: Desk) -> None:
    desk.script(
        STEPS.replace('        print("first runs")', "        raise asyncio.CancelledError").replace(
            "os, sys", "asyncio, os, sys"
        )
    )
    code, _, err = desk.omium("run", "script.py", "ab")
    assert (code, err.splitlines()[-1], "omium/cli" in err) == (1, "error: CancelledError", False), err


def test_an_id_that_is_taken_is_refused_and_not_explained(desk: Desk) -> None:
    desk.script("import omium\nwith omium.execution('r'):\n    raise ValueError('bad')")
    desk.run("script.py")
    code, _, err = desk.omium("run", "--id", "r", "script.py")
    assert (code, 'belongs to workflow "execution"' in err, "omium why" in err) == (1, True, False), err
