"""The shipped example survives its own crash and does not do again what was done."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples" / "python" / "crewai_crew.py"


def run(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE), *arguments]
    return subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=120, check=False)


def test_the_example_goes_on_where_it_died(tmp_path: Path) -> None:
    died = run(tmp_path, "--crash")
    assert died.returncode < 0, died.stderr
    resumed = run(tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "searching" not in resumed.stdout
    assert "searcher is asked" not in resumed.stdout
    assert "writer is asked" in resumed.stdout
    assert "A report on durable agents: a survey and durable agents: a handbook." in resumed.stdout
    again = run(tmp_path)
    assert again.returncode == 0, again.stderr
    assert "is asked" not in again.stdout
    assert "A report on durable agents: a survey" in again.stdout
