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
