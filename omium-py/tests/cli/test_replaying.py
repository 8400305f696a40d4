"""replay: the code against its record, of workflows and of LangGraph threads."""

import json
from pathlib import Path

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
    assert str(place.omium("replay", "thread-1", "--graph", f"{HERE}/thread.py:build")) == snapshot(name="the same")
    renamed = place.omium("replay", "thread-1", "--graph", f"{HERE}/thread.py:build_renamed")
    assert str(renamed) == snapshot(name="renamed")
    assert renamed.code == 3


def test_replay_of_a_thread_as_json(place):
    told = json.loads(place.omium("replay", "thread-1", "--graph", f"{HERE}/thread.py:build", "--json").out)
    assert told["diverged_at"] is None
    assert told["nodes_run"] == 0
    assert [step["graph_would_run_next"] for step in told["steps"]] == [["__start__"], ["ask"], ["look"], None]


def test_a_graph_that_is_none(place, snapshot):
    assert str(place.omium("replay", "thread-1", "--graph", f"{HERE}/thread.py:nothing")) == snapshot(name="no name")
    assert str(place.omium("replay", "thread-1", "--graph", f"{HERE}/thread.py:State")) == snapshot(name="no graph")
    assert str(place.omium("replay", "report-1", "--graph", "thread:build")) == snapshot(name="no thread")


def test_replay_of_a_block_says_how_its_program_does_it(empty):
    program = empty.directory / "block.py"
    program.write_text(
        "import sys\n"
        "import omium\n"
        "with omium.execution('block', workflow='w', mode=sys.argv[1]):\n"
        "    omium.step(name='work')(lambda number: number)(int(sys.argv[2]))\n"
    )
    empty.python(program, "live", "1")
    done = empty.omium("replay", "block")
    assert done.code == 1
    assert "with omium.execution('block', mode=\"replay\")" in done.err
    assert empty.python(program, "replay", "1").returncode == 0
    assert "Divergence" in empty.python(program, "replay", "2", check=False).stderr


def test_replay_of_a_failed_run(empty):
    empty.python("failing.py", "bad-1", check=False, BAD="1")
    done = empty.omium("replay", "bad-1")
    assert (done.code, "the same failure, nothing ran" in done.out) == (0, True)
