"""The sweep in its short form, in a process that forks before it has any thread."""

import subprocess
import sys
from pathlib import Path


def test_kills_at_model_calls_and_inside_tools_cost_nothing_twice() -> None:
    sweep = Path(__file__).with_name("sweep.py")
    done = subprocess.run([sys.executable, str(sweep), "--short"], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout
