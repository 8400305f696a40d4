"""Programs killed with SIGKILL at random moments lose nothing that was acknowledged.

A short campaign by default; OMIUM_TEST_KILLS=200 makes it a long one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import omium

KILLS = int(os.environ.get("OMIUM_TEST_KILLS", "12"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_nothing_acknowledged_is_lost_or_run_again(tmp_path: Path) -> None:
    package = Path(omium.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "kill", "--kills", str(KILLS), "--directory", str(tmp_path)],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"\n{KILLS} kills, " in done.stdout
