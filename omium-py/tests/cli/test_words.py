"""How an execution stands is told with one word by every verb, and what is done to it says the truth about it."""

import json

import pytest


def word(place, id):
    """What every verb that tells a status says of it."""
    said = [
        json.loads(place.omium("show", id, "--json").out)["status"],
        *(each["status"] for each in json.loads(place.omium("ls", "--json").out) if each["id"] == id),
        place.omium("show", id).out.splitlines()[0].split()[-1],
    ]
    listed = place.omium("ls", "--status", said[0], "--ids").out.splitlines()
    assert id in listed
    assert len(set(said)) == 1
    return said[0]


def test_what_nobody_has_begun_is_ready(place):
    assert word(place, "crashed-1") == "orphaned"
    place.omium("fork", "report-1", "--at", "2", "--id", "fork")
    place.omium("export", "crashed-1", "-o", "run.omx")
    imported = place.omium("import", "run.omx", "--id", "copy")
    assert imported.err == "ready, 3 entries\n"
    place.omium("rollback", "report-1", "--to", "2")
    assert [word(place, id) for id in ("fork", "copy", "report-1")] == ["ready"] * 3
    assert "hint: omium resume fork goes on from here" in place.omium("show", "fork").err
    assert "hint: whoever ran it died; omium resume crashed-1 goes on from here" in place.omium("show", "crashed-1").err


@pytest.fixture
def night(empty):
    empty.python("night.py", "n", check=False, DIE="1")
    return empty


def test_an_answered_execution_is_ready(night):
    night.omium("answer", "n", "did not happen")
    assert word(night, "n") == "ready"


def test_an_answer_to_a_cancelled_execution_says_that_it_stays_so(night):
    night.omium("cancel", "n")
    told = night.omium("answer", "n", "sent")
    assert told.code == 0
    assert told.err.splitlines() == [
        "n@7 holds the answer",
        "n is cancelled and stays so: nothing runs on from there",
        "hint: omium fork n goes on with the answer, under another id",
    ]
    assert word(night, "n") == "cancelled"
    night.omium("fork", "n", "--id", "m")
    assert word(night, "m") == "ready"


def test_a_failed_execution_can_be_cancelled_and_is_not_resumed(place):
    assert place.omium("cancel", "failed-1").err == "failed-1 is cancelled; its record stays\n"
    assert word(place, "failed-1") == "cancelled"
    assert "was cancelled: nothing was run" in place.omium("resume", "failed-1").err
