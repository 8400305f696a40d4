"""A long history fits into memory: every message of it is decoded once, not once a state."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[3] / "benches" / "python" / "langgraph_history.py"


def test_a_history_of_a_thousand_states_stays_below_200_mb() -> None:
    command = [sys.executable, BENCH, "--checkpoints", "1000", "--limit-mb", "200", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    assert found["checkpoints"] > 1000
    assert found["messages_in_all_states"] > 500_000
