"""rollback, fork, resume and cancel: they show before they act, and do exactly that."""

import json


def test_rollback_plans_then_acts(place, snapshot):
    assert str(place.omium("rollback", "report-1", "--to", "2", "--plan")) == snapshot(name="plan")
    assert json.loads(place.omium("show", "report-1", "--json").out)["head"] == 4
    assert str(place.omium("rollback", "report-1", "--to", "2")) == snapshot(name="act")
    assert json.loads(place.omium("show", "report-1", "--json").out)["head"] == 2
    assert str(place.omium("rollback", "report-1@2")) == snapshot(name="again")


def test_a_rollback_to_what_a_rollback_left_behind_says_where_it_goes(place):
    place.omium("rollback", "report-1", "--to", "2")
    done = place.omium("rollback", "report-1", "--to", "3")
    assert done.err.splitlines()[:2] == [
        "report-1 goes from @2 on to @3, left behind by a rollback: nothing falls",
        "the head of report-1 is @3 now; nothing was erased",
    ]


def test_rollback_to_the_beginning(place):
    assert place.omium("rollback", "report-1", "--to", "0").code == 0
    assert json.loads(place.omium("log", "report-1", "--json").out) == []


def test_rollback_as_json(place):
    plan = json.loads(place.omium("rollback", "report-1", "--to", "3", "--plan", "--json").out)
    assert (plan["from"], plan["to"], plan["done"]) == (4, 3, False)
    assert [entry["seq"] for entry in plan["falls"]] == [4]


def test_rollback_of_a_thread(place, snapshot):
    assert str(place.omium("rollback", "thread-1", "--to", "2")) == snapshot
    (state,) = [e for e in json.loads(place.omium("log", "thread-1", "--json").out) if e["seq"] == 2]
    assert state["live"]


def test_fork_leaves_the_original_alone(place, snapshot):
    before = place.omium("log", "report-1", "--json").out
    assert str(place.omium("fork", "report-1", "--at", "2", "--id", "other")) == snapshot(name="named")
    assert str(place.omium("fork", "report-1@2")) == snapshot(name="made-up name")
    assert place.omium("fork", "report-1").out == "report-1-fork-2\n"
    assert str(place.omium("fork", "report-1", "--id", "other")) == snapshot(name="taken")
    assert place.omium("log", "report-1", "--json").out == before
    assert [e["seq"] for e in json.loads(place.omium("log", "other", "--json").out)] == [1, 2]


def test_fork_of_a_thread(place):
    assert place.omium("fork", "thread-1", "--at", "2", "--id", "thread-2").code == 0
    assert place.omium("cat", "thread-2", "--json").out == place.omium("cat", "thread-1@2", "--json").out


def test_resume_finishes_what_crashed(place, snapshot):
    assert str(place.omium("resume", "crashed-1")) == snapshot(name="first")
    assert str(place.omium("resume", "crashed-1")) == snapshot(name="again")


def test_resume_tries_what_failed_again(place, snapshot):
    assert str(place.omium("resume", "failed-1", FAIL="1")) == snapshot(name="still failing")
    assert str(place.omium("resume", "failed-1")) == snapshot(name="mended")


def test_resume_as_json(place):
    done = json.loads(place.omium("resume", "crashed-1", "--json").out)
    assert done["status"] == "completed"
    assert done["recorded_before"] == 3
    assert done["ran"] == 1


def test_what_the_program_prints_does_not_stand_amid_json(empty):
    program = empty.directory / "chatty.py"
    program.write_text(
        "import omium\n@omium.workflow\ndef chatty():\n    print('hello')\n    return 1\n"
        "if __name__ == '__main__':\n    chatty.options(id='c').start()\n"
    )
    empty.python(program)
    for command in ("replay c --json", "fork c --at 0 --id d --json", "resume d --json"):
        assert json.loads(empty.omium(*command.split()).out)
    assert empty.omium("replay", "c").out.startswith("hello\n")


def test_resume_of_a_thread_says_how(place, snapshot):
    place.omium("rollback", "thread-1", "--to", "2")
    assert str(place.omium("resume", "thread-1")) == snapshot


def test_resume_without_its_code(empty, snapshot):
    program = empty.directory / "gone.py"
    program.write_text(
        "import omium\n@omium.workflow\ndef gone():\n    return 1\n"
        "if __name__ == '__main__':\n    gone.options(id='gone').start()\n"
    )
    empty.python(program)
    empty.omium("rollback", "gone", "--to", "0")
    program.unlink()
    assert str(empty.omium("replay", "gone")) == snapshot


def test_cancel(place, snapshot):
    assert str(place.omium("cancel", "crashed-1")) == snapshot(name="running")
    assert str(place.omium("cancel", "crashed-1")) == snapshot(name="again")
    assert str(place.omium("cancel", "report-1")) == snapshot(name="completed")


def test_what_is_unfinished_or_given_up_is_not_said_to_be_done(place):
    assert place.omium("rollback", "report-1", "--to", "2").code == 0
    assert "up to where it ends, nothing ran" in place.omium("replay", "report-1").out
    assert place.omium("cancel", "report-1").code == 0
    given_up = place.omium("resume", "report-1")
    assert (given_up.code, "was cancelled: nothing was run" in given_up.err) == (0, True)


def test_fork_is_told_of_an_effect_in_doubt(place):
    place.python("shop.py", check=False, DIE="1")
    refused = place.omium("fork", "buy-1", "--at", "2")
    assert (refused.code, refused.out) == (3, "")
    assert "mail@5 after it may have happened" in refused.err
    assert place.omium("fork", "buy-1", "--at", "2", "--abandon-effects").out == "buy-1-fork-1\n"
    assert place.omium("fork", "buy-1").out == "buy-1-fork-2\n"
    assert "mail" in place.omium("answer", "buy-1-fork-2").err + place.omium("answer", "buy-1-fork-2").out
