"""The shipped examples run, survive their own crash, and do not do again what was done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"


def run(name: str, where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OMIUM_")}
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=where,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_card_is_charged_once(tmp_path: Path) -> None:
    pytest.importorskip("langgraph")
    assert run("langgraph_tools.py", tmp_path, "--crash").returncode < 0
    assert (tmp_path / "bank.txt").read_text() == "charged 189 for TP531\n"
    resumed = run("langgraph_tools.py", tmp_path)
    assert (resumed.returncode, "searching" in resumed.stdout) == (0, False), resumed.stderr
    assert "Booked: done: charged 189 for TP531." in resumed.stdout
    assert run("langgraph_tools.py", tmp_path).stdout.startswith("finished before: Booked")
    assert (tmp_path / "bank.txt").read_text() == "charged 189 for TP531\n"
    assert (tmp_path / "mail.txt").read_text() == "ada@example.com: TP531 to Lisbon is yours.\n"


def test_what_was_approved_is_ordered_once(tmp_path: Path) -> None:
    pytest.importorskip("langgraph")
    name = "langgraph_approval.py"
    for _ in range(2):
        assert "Order a week in Lisbon?" in run(name, tmp_path).stdout
    assert "Keep the receipt" in run(name, tmp_path, "yes").stdout
    assert "Keep the receipt" in run(name, tmp_path).stdout, "asked again, and not taken as approved"
    assert run(name, tmp_path, "yes").stdout == "kept\n"
    assert run(name, tmp_path).stdout.startswith("finished before:")
    assert (tmp_path / "orders.txt").read_text() == "a week in Lisbon\n"


@pytest.mark.parametrize("name", ["workflow.py", "langgraph_agent.py"])
def test_an_example_goes_on_where_it_died(name: str, tmp_path: Path) -> None:
    if name == "langgraph_agent.py":
        pytest.importorskip("langgraph")
    died = run(name, tmp_path, "--crash")
    assert died.returncode < 0, died.stderr
    assert died.stdout == "" or "searching" in died.stdout
    resumed = run(name, tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "searching" not in resumed.stdout
    assert "writing" in resumed.stdout
    assert "survey and durable agents: a handbook" in resumed.stdout
    again = run(name, tmp_path)
    assert again.returncode == 0, again.stderr
    assert "writing" not in again.stdout


KILLED = """
import os, runpy, sys, time
from omium.runtime import _boundary

saved = 0

def watch(boundary):
    global saved
    if (boundary.moment, boundary.kind) == ("claimed", "state"):
        saved += 1
        if saved == int(sys.argv[2]):
            time.sleep(0.5)  # What the node wrote is on record by then, the state that follows is not.
            os._exit(9)

_boundary.watcher = watch
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.parametrize(("name", "last"), [("langgraph_agent.py", 7), ("langgraph_tools.py", 13)])
def test_an_example_killed_before_its_last_state_is_brought_to_its_end(name: str, last: int, tmp_path: Path) -> None:
    pytest.importorskip("langgraph")
    for nth, code in ((last, 9), (last + 1, 0)):
        place = tmp_path / str(nth)
        place.mkdir()
        command = [sys.executable, "-c", KILLED, str(EXAMPLES / name), str(nth)]
        died = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120, check=False)
        assert died.returncode == code, died.stderr
    ended = run(name, tmp_path / str(last))
    assert (ended.returncode, "finished before" in ended.stdout) == (0, False), ended
    assert run(name, tmp_path / str(last)).stdout.startswith("finished before: ")
