"""replay: the code against its record, of workflows and of LangGraph threads."""

import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_replay_of_a_workflow(place, snapshot):
    before = place.omium("log", "report-1", "--all", "--json").out
    assert str(place.omium("replay", "report-1")) == snapshot
    assert place.omium("log", "report-1", "--all", "--json").out == before


def test_replay_answers_from_the_record_and_runs_nothing(place):
    # STYLE would change the report if `write` ran.
    assert place.omium("replay", "report-1", STYLE="loud").code == 0


def test_replay_of_changed_code(empty, snapshot):
    program = empty.directory / "program.py"
    text = (HERE / "program.py").read_text()
    program.write_text(text)
    empty.python(program, "report-1")
    program.write_text(text.replace("search(point)]", "search(point + '!')]"))
    done = empty.omium("replay", "report-1")
    assert done.code == 3
    assert str(done) == snapshot(name="text")
    assert json.loads(empty.omium("replay", "report-1", "--json").out)["diverged_at"] == 2


def test_replay_of_a_thread_walks_its_record(place, snapshot):
    assert str(place.omium("replay", "thread-1")) == snapshot


def test_replay_of_a_thread_asks_the_graph(place, snapshot):
    assert str(place.omium("replay", "thread-1", "--code", f"{HERE}/thread.py:build")) == snapshot(name="the same")
    renamed = place.omium("replay", "thread-1", "--code", f"{HERE}/thread.py:build_renamed")
    assert str(renamed) == snapshot(name="renamed")
    assert renamed.code == 3


def test_replay_of_a_thread_as_json(place):
    told = json.loads(place.omium("replay", "thread-1", "--code", f"{HERE}/thread.py:build", "--json").out)
    assert told["diverged_at"] is None
    assert told["nodes_run"] == 0
    assert [step["graph_would_run_next"] for step in told["steps"]] == [["__start__"], ["ask"], ["look"], None]


def test_a_graph_that_is_none(place, snapshot):
    assert str(place.omium("replay", "thread-1", "--code", f"{HERE}/thread.py:nothing")) == snapshot(name="no name")
    assert str(place.omium("replay", "thread-1", "--code", f"{HERE}/thread.py:State")) == snapshot(name="no graph")
    assert str(place.omium("replay", "report-1", "--code", "thread:build")) == snapshot(name="no thread")


BLOCK = """
import os, sys
import omium

@omium.step
def work(number):
    print("works", number)
    return number

@omium.effect
def send(number):
    print("sends", number)

def before():
    OUTSIDE

before()
with omium.execution("block", workflow="w"):
    send(work(int(sys.argv[1])))
    if os.environ.get("BAD"):
        raise ValueError("a bad day")
"""


@pytest.fixture
def block(empty):
    """A program with a block of its own, which has run once."""
    program = empty.directory / "block.py"
    program.write_text(BLOCK.replace("OUTSIDE", "pass"))
    empty.python(program, "1")
    return empty


def test_replay_of_a_block_runs_its_program_on_the_record(block, snapshot):
    before = block.omium("log", "block", "--all", "--json").out
    assert str(block.omium("replay", "block")) == snapshot(name="which program")
    assert str(block.omium("replay", "block", "--code", "block.py 1")) == snapshot(name="the same")
    assert str(block.omium("replay", "block", "--code", "block.py 2")) == snapshot(name="another")
    assert str(block.omium("replay", "block", "--code", "block.py 1", BAD="1")) == snapshot(name="failed")
    assert str(block.omium("replay", "block", "--code", "none.py 1")) == snapshot(name="no program")
    told = json.loads(block.omium("replay", "block", "--code", "block.py 2", "--json").out)
    assert (told["steps"], told["diverged_at"]) == (0, 1)
    assert block.omium("log", "block", "--all", "--json").out == before


def test_what_a_program_does_around_its_blocks_is_not_run_by_a_replay(block):
    program = block.directory / "block.py"
    program.write_text(BLOCK.replace("OUTSIDE", "send(7)"))
    done = block.omium("replay", "block", "--code", "block.py 1")
    assert (done.code, "sends" in done.out, "the code now asks for send" in done.out) == (3, False, True), done
    program.write_text(BLOCK.replace("OUTSIDE", "with omium.execution('another'): work(7)"))
    done = block.omium("replay", "block", "--code", "block.py 1")
    assert (done.code, "works" in done.out, '"another"' in done.err) == (1, False, True), done
    assert [each["id"] for each in json.loads(block.omium("ls", "--json").out)] == ["block"]


def test_replay_of_a_program_under_omium_run(empty):
    (empty.directory / "loose.py").write_text(
        BLOCK.split("before()\nwith", maxsplit=1)[0].replace("OUTSIDE", "pass") + "send(work(1))\n"
    )
    empty.omium("run", "--id", "loose", "loose.py")
    done = empty.omium("replay", "loose", "--code", "loose.py")
    assert (done.code, "2 calls answered from the record, the same result, nothing ran" in done.out) == (0, True), done
    assert "sends" not in done.out


def test_replay_of_what_was_killed_goes_as_far_as_its_record(empty):
    program = empty.directory / "block.py"
    program.write_text(BLOCK.replace("OUTSIDE", "pass").replace('print("sends", number)', "os._exit(9)"))
    empty.python(program, "1", check=False)
    done = empty.omium("replay", "block", "--code", "block.py 1")
    assert (done.code, "1 call answered from the record, up to where it ends, nothing ran" in done.out) == (0, True), (
        done
    )


def test_replay_of_a_workflow_by_its_name(place):
    assert place.omium("replay", "report-1", "--code", f"{HERE}/program.py:report").code == 0
    refused = place.omium("replay", "report-1", "--code", f"{HERE}/program.py:search")
    assert (refused.code, "is no workflow" in refused.err) == (1, True), refused


def test_a_program_of_graphs_is_replayed_by_its_threads(place):
    done = place.omium("replay", "report-1", "--code", f"{HERE}/thread.py t-9")
    assert (done.code, "omium replay t-9 --code" in done.err) == (1, True), done
    assert place.omium("show", "t-9").code != 0, "nothing was written"


def test_replay_of_a_failed_run(empty):
    empty.python("failing.py", "bad-1", check=False, BAD="1")
    done = empty.omium("replay", "bad-1")
    assert (done.code, "the same failure, nothing ran" in done.out) == (0, True)
