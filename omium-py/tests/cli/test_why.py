"""`omium why` and `omium show --failures`: what they tell of a failure, and what an experiment finds out."""

import json

import pytest


@pytest.fixture
def failed(empty):
    """A store with a good run of a workflow and a bad one."""
    empty.python("failing.py", "good-1")
    empty.python("failing.py", "bad-1", check=False, BAD="1")
    return empty


@pytest.mark.parametrize(
    "command",
    [
        "why bad-1",
        "why bad-1 --confirm",
        "why bad-1 --suspect 2 --value '\"x\"'",
        'why bad-1 --suspect 1 --value ["bees"]',
        "why bad-1 --suspect 2 --value x",
        "why bad-1 --suspect 2",
        "why bad-1 --value 1",
        "why good-1",
        "why nobody",
        "show bad-1 --failures",
        "show good-1 --failures",
    ],
)
def test_what_is_told(failed, command, snapshot):
    arguments = [each.strip("'") for each in command.split()]
    assert str(failed.omium(*arguments)) == snapshot


def test_json(failed):
    answer = json.loads(failed.omium("why", "bad-1", "--confirm", "--json").out)
    assert answer["failure"]["type"] == "failed_check"
    assert [(each["name"], each["into"], each["path"]) for each in answer["chain"]] == [
        ("style", 3, "style"),
        ("search", 3, "sources"),
    ]
    assert answer["last_good"] == "good-1"
    assert [(each["seq"], each["what"]) for each in answer["changes"]] == [(1, "output")]
    assert answer["suspects"][0] == 1
    assert [(each["seq"], each["outcome"]) for each in answer["verdicts"]] == [(1, "confirmed")]
    (failure,) = json.loads(failed.omium("show", "bad-1", "--failures", "--json").out)
    assert (failure["step"], failure["suspect"], failure["recoverable"]) == ("write", 2, False)


def test_an_experiment_leaves_nothing_behind_and_acts_on_nothing(failed):
    before = failed.omium("log", "bad-1", "--json").out, failed.omium("ls", "--json").out
    done = failed.omium("why", "bad-1", "--confirm")
    assert (done.code, "NOTIFIED" in done.err) == (0, False)
    assert (failed.omium("log", "bad-1", "--json").out, failed.omium("ls", "--json").out) == before
