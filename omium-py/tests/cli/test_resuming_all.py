"""resume --all: everything that nobody runs and whose code is known, and the truth about the rest."""

import json

import pytest

CODE = """
import os, sys
import omium

@omium.step
def note(text):
    return text

@omium.workflow
def {name}(text):
    print("running", text)
    note(text)
    if os.environ.get("DIE"):
        os._exit(9)
    if text == "bad":
        raise ValueError("bad")
    return omium.ask("go on?") if text == "asks" else text + "!"

if __name__ == "__main__":
    {name}.options(id=sys.argv[1]).start(sys.argv[2])
"""


@pytest.fixture
def two(empty):
    """Executions of two programs, all of them killed, and others that are none of the command's business."""
    for name in ("one", "other"):
        (empty.directory / f"{name}.py").write_text(CODE.format(name=name))
    for program, id, text in (("one", "a", "ta"), ("other", "b", "tb"), ("one", "c", "tc"), ("one", "q", "asks")):
        empty.python(empty.directory / f"{program}.py", id, text, check=False, DIE="1")
    empty.python(empty.directory / "one.py", "done", "x")
    loose = "import omium\nwith omium.execution('loose'):\n    raise SystemExit(0)\n"
    (empty.directory / "loose.py").write_text(loose)
    empty.python(empty.directory / "loose.py")
    return empty


def statuses(place):
    return {each["id"]: each["status"] for each in json.loads(place.omium("ls", "--json").out)}


LEFT = "loose is left: its record does not say where its code is; its program, started again, continues it"


def test_all_are_resumed_with_a_line_each(two):
    done = two.omium("resume", "--all")
    assert [line.split() for line in done.out.splitlines()] == [
        ["completed", "a"],
        ["completed", "c"],
        ["waiting", "q", "go", "on?", "(answer", "q@2,", "then", "resume)"],
        ["completed", "b"],
    ]
    told = done.err.splitlines()
    assert [line for line in told if line.startswith("running")] == [f"running {t}" for t in ("ta", "tc", "asks", "tb")]
    assert told[-2:] == [
        LEFT,
        "4 executions resumed: 3 completed, 1 waiting; 1 left, whose code is not known here",
    ]
    assert done.code == 0
    assert statuses(two) == {
        **dict.fromkeys(["a", "b", "c", "done"], "completed"),
        "q": "waiting",
        "loose": "ready",
    }
    again = two.omium("resume", "--all")
    assert (again.code, again.out) == (0, ""), "what waits for a person is left alone"


def test_what_would_be_resumed(two):
    before = statuses(two)
    plan = two.omium("resume", "--all", "--dry-run")
    assert [line.split()[:2] for line in plan.out.splitlines()] == [
        ["orphaned", "a"],
        ["orphaned", "b"],
        ["orphaned", "c"],
        ["orphaned", "q"],
    ]
    assert plan.err.splitlines() == [LEFT, "4 executions would be resumed; 1 left, whose code is not known here"]
    assert statuses(two) == before


def test_only_those_of_one_workflow(two):
    listed = json.loads(two.omium("resume", "--all", "--workflow", "other", "--json").out)
    assert [(each["id"], each["outcome"], each["error"]) for each in listed] == [("b", "completed", None)]
    assert statuses(two)["a"] == "orphaned"


def test_who_resumes_one_up_to_a_question_is_told_what_is_asked_and_how_to_answer(two):
    done = two.omium("resume", "q")
    assert done.err.splitlines()[-2:] == ["@2 go on?", "hint: omium answer q VALUE"]
    assert "  waits     go on? (answer q@2, then resume)" in two.omium("show", "q").out.splitlines()


def test_one_that_fails_does_not_stop_the_others(two):
    two.python(two.directory / "one.py", "z", "bad", check=False, DIE="1")
    (two.directory / "other.py").unlink()
    done = two.omium("resume", "--all")
    assert [line.split()[:2] for line in done.out.splitlines()] == [
        ["completed", "a"],
        ["completed", "c"],
        ["waiting", "q"],
        ["failed", "z"],
        ["not", "resumed"],
    ]
    assert "failed       z  ValueError: bad" in done.out
    assert "cannot read DIR/other.py: No such file or directory" in done.out
    assert done.code == 1
    assert statuses(two)["b"] == "orphaned", "code that is not there leaves it as it is"


def test_code_that_cannot_go_on_leaves_it_as_it_is(two):
    source = two.directory / "other.py"
    source.write_text(source.read_text().replace("@omium.workflow", "@omium.workflow(version='2')"))
    refused = two.omium("resume", "--all", "--workflow", "other")
    assert refused.code == 3
    assert "was begun by version None of 'other' and this is version 2" in refused.out
    assert statuses(two)["b"] == "orphaned"


@pytest.mark.parametrize("words", [(), ("a", "--all"), ("a", "--dry-run"), ("a", "--workflow", "one")])
def test_one_or_all(two, words):
    assert two.omium("resume", *words).code == 2
