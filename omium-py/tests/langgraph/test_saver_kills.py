"""Runs killed with SIGKILL at random moments lose nothing acknowledged; kill.py does as many as wanted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_killed_runs_lose_nothing_acknowledged_and_repeat_nothing_saved() -> None:
    driver = Path(__file__).with_name("kill.py")
    ended = subprocess.run([sys.executable, driver, "--kills", "20"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads(ended.stdout)["broken"] == []
