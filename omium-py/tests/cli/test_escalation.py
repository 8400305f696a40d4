"""A failure that goes to a person: shown, answered and gone on from with the command line alone."""

import json

import pytest


def shown(place, id="m"):
    return json.loads(place.omium("show", id, "--json").out)


@pytest.fixture
def waiting(empty):
    """A mailing that failed twice and waits for a person."""
    empty.python("mailing.py", "m")
    assert (shown(empty)["status"], empty.outside()) == ("waiting", "tried\ntried\n")
    return empty


def test_the_question_says_what_failed_and_what_to_answer(waiting):
    told = waiting.omium("show", "m")
    assert "send failed: ConnectionError: no line; answer 'retry', 'fail' or {'value': ...}" in told.err
    assert "omium answer m VALUE" in told.err
    failures = waiting.omium("show", "m", "--failures").out
    assert "tool error, 2 tries, then ask" in failures or "provider error, 2 tries, then ask" in failures


def test_retry(waiting):
    assert waiting.omium("answer", "m", "retry").code == 0
    assert waiting.omium("resume", "m").code == 0
    assert (shown(waiting)["status"], waiting.outside()) == ("waiting", "tried\n" * 4)
    assert waiting.omium("answer", "m", "retry").code == 0
    done = waiting.omium("resume", "m", FIXED="1")
    assert (done.code, done.out, waiting.outside()) == (0, "sent\n", "tried\n" * 5)


def test_a_value(waiting):
    assert waiting.omium("answer", "m", '{"value": "by hand"}').code == 0
    done = waiting.omium("resume", "m")
    assert (done.out, shown(waiting)["status"], waiting.outside()) == ("by hand\n", "completed", "tried\ntried\n")
    assert waiting.omium("replay", "m").code == 0


def test_fail(waiting):
    assert waiting.omium("answer", "m", "fail").code == 0
    done = waiting.omium("resume", "m")
    assert (done.code, shown(waiting)["status"], waiting.outside()) == (1, "failed", "tried\ntried\n")
    assert "ConnectionError: no line" in done.err


def test_what_is_no_answer_is_asked_again(waiting):
    assert waiting.omium("answer", "m", "perhaps").code == 0
    waiting.omium("resume", "m")
    assert shown(waiting)["status"] == "waiting"
    waiting.omium("answer", "m", "retry")
    assert waiting.omium("resume", "m", FIXED="1").out == "sent\n"


def test_a_program_of_its_own(empty):
    assert empty.python("mailing.py", "m", check=False, LOOSE="1").returncode == 1
    empty.omium("answer", "m", "retry")
    assert empty.python("mailing.py", "m", LOOSE="1", FIXED="1").returncode == 0
    assert (shown(empty)["status"], empty.outside()) == ("completed", "tried\n" * 3)
