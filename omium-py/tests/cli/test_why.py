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
        "why bad-1 --suspect 99 --value 1",
        "why bad-1 --suspect 3 --value 1",
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
    assert [(each["seq"], each["what"]) for each in answer["changes"]] == [(1, "output"), (3, "input")]
    assert answer["suspects"][0] == 1
    assert [(each["seq"], each["outcome"]) for each in answer["verdicts"]] == [(1, "confirmed")]
    (failure,) = json.loads(failed.omium("show", "bad-1", "--failures", "--json").out)
    assert (failure["step"], failure["suspect"], failure["recoverable"]) == ("write", 2, False)


def test_an_experiment_leaves_nothing_behind_and_acts_on_nothing(failed):
    before = failed.omium("log", "bad-1", "--json").out, failed.omium("ls", "--json").out
    done = failed.omium("why", "bad-1", "--confirm")
    assert (done.code, "NOTIFIED" in done.err) == (0, False)
    assert (failed.omium("log", "bad-1", "--json").out, failed.omium("ls", "--json").out) == before


@pytest.mark.parametrize("id", ["page", "prompt", "strict"])
def test_thirty_steps_are_told_of_in_a_few_lines(thirty, id, snapshot):
    told = thirty.omium("why", id)
    assert len(told.out.splitlines()) < 25
    assert str(told) == snapshot


def test_code_that_changed_is_told_from_input_that_changed(thirty):
    def changes(id):
        answer = json.loads(thirty.omium("why", id, "--json").out)
        return answer["suspects"][0], {each["name"]: each for each in answer["changes"] if each["first"]}

    suspect, first = changes("page")
    assert (suspect, list(first)) == (10, ["read"])
    _, first = changes("prompt")
    assert {name: (each["what"], each["code"]) for name, each in first.items()} == {
        "read": ("output", []),
        "rank": ("input", ["PROMPT"]),
    }
    suspect, first = changes("strict")
    assert suspect == 31
    assert {name: (each["what"], each["code"]) for name, each in first.items()} == {"publish": ("code", ["checks"])}


def test_a_page_that_is_gone_is_confirmed(thirty):
    done = thirty.omium("why", "page", "--confirm", "--json")
    assert (done.code, [each["outcome"] for each in json.loads(done.out)["verdicts"]]) == (0, ["confirmed"])


@pytest.fixture
def loose(empty):
    """A good and a bad execution of a program without a workflow."""
    empty.python("loose.py", "good", "bees")
    empty.python("loose.py", "bad", "bees", check=False, BAD="1")
    return empty


def test_a_program_is_experimented_with_once_it_is_named(loose):
    refused = loose.omium("why", "bad", "--confirm")
    assert (refused.code, "--code 'agent.py ARGUMENTS'" in refused.err) == (1, True)
    before = loose.omium("log", "bad", "--json").out, loose.omium("ls", "--json").out, loose.outside()
    done = loose.omium("why", "bad", "--confirm", "--code", f"{loose.tests / 'loose.py'} bad bees", "--json", BAD="1")
    (verdict,) = json.loads(done.out)["verdicts"]
    assert (done.code, verdict["seq"], verdict["outcome"]) == (0, 1, "confirmed")
    assert "write passes; then notify (effect)" in verdict["why"]
    assert (loose.omium("log", "bad", "--json").out, loose.omium("ls", "--json").out, loose.outside()) == before


def test_another_program_confirms_nothing(loose):
    done = loose.omium("why", "bad", "--confirm", "--code", f"{loose.tests / 'shop.py'}", "--json")
    (verdict,) = json.loads(done.out)["verdicts"]
    assert (done.code, verdict["outcome"]) == (1, "unknown")
    missing = loose.omium("why", "bad", "--confirm", "--code", "nowhere.py")
    assert (missing.code, "cannot read nowhere.py" in missing.out) == (1, True)


def test_a_thread_is_experimented_with_once_its_graph_is_named(empty):
    empty.python("loose.py", "good", "bees", GRAPH="1")
    empty.python("loose.py", "bad", "bees", check=False, BAD="1", GRAPH="1")
    refused = empty.omium("why", "bad", "--confirm")
    assert (refused.code, "--code agent.py:graph" in refused.err) == (1, True)
    before = empty.omium("log", "bad", "--json").out, empty.outside()
    graph = f"{empty.tests / 'loose.py'}:graph"
    done = empty.omium("why", "bad", "--confirm", "--code", graph, "--json", BAD="1", GRAPH="1")
    answer = json.loads(done.out)
    (verdict,) = answer["verdicts"]
    assert (done.code, verdict["outcome"]) == (0, "confirmed")
    assert "write passes; then notify (effect)" in verdict["why"]
    assert (empty.omium("log", "bad", "--json").out, empty.outside()) == before


UNDER_RUN = """
import os
import omium

def acted(what):
    with open("acts.txt", "a") as file:
        file.write(what + "\\n")

@omium.step
def read():
    return "404 not found" if "BAD" in os.environ else "a page"

@omium.effect(in_doubt="retry")
def send():
    acted("sent")

@omium.step(postconditions=["!result.contains('404')"])
def publish(text):
    return text

OUTSIDE
if "BLOCK" in os.environ:
    with omium.execution("bad"):
        publish(read())
else:
    send()
    publish(read())
"""


@pytest.mark.parametrize("id", ["bad", None])
def test_a_program_under_omium_run_is_experimented_with_and_does_not_act(empty, id):
    (empty.directory / "agent.py").write_text(UNDER_RUN.replace("OUTSIDE", ""))
    empty.omium("run", *([] if id is None else ["--id", id]), "agent.py", BAD="1")
    id = json.loads(empty.omium("ls", "--json").out)[0]["id"]
    done = empty.omium("why", id, "--suspect", "3", "--value", '"a page"', "--confirm", "--code", "agent.py", BAD="1")
    assert (done.code, "confirmed: the run completes" in done.out) == (0, True), done
    assert (empty.directory / "acts.txt").read_text() == "sent\n"


def test_an_experiment_lets_no_effect_act_outside_of_executions(empty):
    program = empty.directory / "agent.py"
    program.write_text(UNDER_RUN.replace("OUTSIDE", ""))
    empty.python(program, check=False, BAD="1", BLOCK="1")
    program.write_text(UNDER_RUN.replace("OUTSIDE", "send()"))
    confirm = ("--suspect", "1", "--value", '"a page"', "--confirm", "--code", "agent.py")
    done = empty.omium("why", "bad", *confirm, BLOCK="1")
    assert (done.code, "the code now asks for send" in done.out) == (1, True), done
    assert not (empty.directory / "acts.txt").exists()
    done = empty.omium("why", "bad", *confirm[:-1], "agent.py 'x")
    assert (done.code, "No closing quotation" in done.err, "Traceback" in done.err) == (1, True, False), done
