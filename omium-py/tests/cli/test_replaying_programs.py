"""replay of whole programs: several executions, what is around them, and nothing of it run again."""

import json

import pytest

SEVERAL = """
import sys, threading
from pathlib import Path
import omium

def noted(line):
    with open("acts.txt", "a") as file:
        file.write(line + "\\n")

@omium.step
def work(number):
    noted(f"work {number}")
    return number

@omium.effect(in_doubt="retry", undo=lambda number: noted(f"undo {number}"))
def send(number):
    noted(f"send {number}")

@omium.workflow
def inner(number):
    send(number)

for attempt in range(2):
    try:
        with omium.execution("again"):
            work(1)
            if attempt == 0:
                raise OSError("a bad line")
            send(1)
    except OSError:
        pass
with omium.execution("outer"):
    work(2)
    with omium.execution("nested"):
        send(2)
    inner(3)
    inner.options(id="own")(4)
with omium.execution("again"):
    work(1)
LATER
"""


@pytest.fixture
def several(empty):
    """A program that opens several executions, one of them three times."""
    (empty.directory / "several.py").write_text(SEVERAL.replace("LATER", "work(9)"))
    return empty


def replayed(place, id, code="several.py"):
    before, acts = place.omium("ls", "--json").out, (place.directory / "acts.txt").read_bytes()
    done = place.omium("replay", id, "--code", code)
    assert (place.omium("ls", "--json").out, (place.directory / "acts.txt").read_bytes()) == (before, acts)
    return done


@pytest.mark.parametrize("by", ["python", "omium run"])
def test_every_execution_of_a_program_is_replayed(several, by):
    program = several.directory / "several.py"
    if by == "python":
        several.python(program)
    else:
        several.omium("run", program.name)
    ids = [each["id"] for each in json.loads(several.omium("ls", "--json").out)]
    assert len(ids) == 4 + (by == "omium run")
    for id in ids:
        done = replayed(several, id)
        assert (done.code, "the same result, nothing ran" in done.out) == (0, True), (id, done)


def test_what_cuts_a_replay_short_is_told(several):
    program = several.directory / "several.py"
    text = SEVERAL.replace("LATER", "")
    program.write_text(text)
    several.python(program)
    program.write_text(text.replace('with omium.execution("outer"):', 'work(8)\nwith omium.execution("outer"):'))
    done = replayed(several, "again")
    assert (done.code, "the same result" in done.out) == (0, True), "all of it was before that"
    done = replayed(several, "outer")
    assert (done.code, "work" in done.out) == (3, True), done
    program.write_text(text.replace("send(1)", 'sys.exit("no more")'))
    done = replayed(several, "outer")
    assert (done.code, "the program opens again, and not outer" in done.err) == (1, True), done
    program.write_text("import sys; sys.exit(2)\n" + text)
    done = replayed(several, "outer")
    assert (done.code, "the program ended with exit code 2 before" in done.err) == (1, True), done
    done = replayed(several, "outer", "several.py 'x")
    assert (done.code, "No closing quotation" in done.err, "Traceback" in done.err) == (1, True, False), done


@pytest.mark.parametrize(
    "act",
    [
        "omium.get('again').rollback(to=1)",
        "omium.get('again').fork(1, 'forked')",
        "omium.get('again').resume()",
        "inner.options(id='new').start(5)",
        "[each.start() or each.join() for each in [threading.Thread(target=send, args=(6,))]]",
    ],
)
def test_a_replayed_program_changes_nothing_in_the_store(several, act):
    """Whatever else it does there: `replayed` compares."""
    program = several.directory / "several.py"
    program.write_text(SEVERAL.replace("LATER", ""))
    several.python(program)
    program.write_text(SEVERAL.replace("LATER", act))
    replayed(several, "own")


NESTING = """
import os, sys
import omium

@omium.effect(in_doubt="retry")
def send(number):
    print("sends", number)

@omium.workflow
def outer(number):
    with omium.execution("nested"):
        send(number)
        if "BAD" in os.environ:
            raise ValueError("a bad day")
    return number

if __name__ == "__main__":
    outer.options(id="outer").start(1)
"""


def test_what_a_replayed_workflow_opens_is_replayed_too(empty):
    (empty.directory / "nesting.py").write_text(NESTING)
    empty.python(empty.directory / "nesting.py", check=False, BAD="1")
    before = empty.omium("ls", "--json").out
    done = empty.omium("replay", "outer", BAD="1")
    assert (done.code, "the same failure, nothing ran" in done.out) == (0, True), done
    done = empty.omium("replay", "outer")
    assert (done.code, "the code returned, where the record failed" in done.out) == (3, True), done
    assert empty.omium("ls", "--json").out == before


GRAPH = """
import sys
import omium
from langgraph.graph import END, START, StateGraph

@omium.effect(in_doubt="retry")
def send(number):
    with open("acts.txt", "a") as file:
        file.write(f"send {number}\\n")
    return number

@omium.step
def work():
    return 1

def buy(state):
    return {"count": send(state["count"])}

def build():
    builder = StateGraph(dict)
    builder.add_node(buy)
    builder.add_edge(START, "buy")
    builder.add_edge("buy", END)
    return builder

def shop():
    work()
    try:
        graph = build().compile(checkpointer=omium.langgraph.Saver())
        return graph.invoke({"count": 3}, {"configurable": {"thread_id": "thread"}})
    except ValueError:
        pass

@omium.workflow
def flow():
    return shop()

if __name__ == "__main__":
    if sys.argv[1] == "flow":
        flow.options(id="flow").start()
    else:
        with omium.execution("block"):
            shop()
"""


@pytest.mark.parametrize(("id", "code"), [("flow", []), ("block", ["--code", "graph.py block"])])
def test_a_graph_in_a_replay_is_not_run_on(empty, id, code):
    program = empty.directory / "graph.py"
    program.write_text(GRAPH)
    empty.python(program, id)
    before = empty.omium("ls", "--json").out
    done = empty.omium("replay", id, *code)
    assert (done.code, "omium replay thread --code" in done.err) == (1, True), done
    assert (empty.directory / "acts.txt").read_text() == "send 3\n"
    assert empty.omium("ls", "--json").out == before
    assert empty.omium("replay", "thread", "--code", "graph.py:build").code == 0


def test_a_block_that_only_replays_runs_no_graph(empty):
    program = empty.directory / "graph.py"
    program.write_text(GRAPH)
    empty.python(program, "block")
    program.write_text(GRAPH.replace('execution("block")', 'execution("block", mode="replay")'))
    done = empty.python(program, "block", check=False)
    assert (done.returncode, "the LangGraph thread 'thread'" in done.stderr) == (1, True), done
    assert (empty.directory / "acts.txt").read_text() == "send 3\n"
