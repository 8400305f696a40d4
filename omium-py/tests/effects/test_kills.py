"""Programs killed all the way through lose no effect, repeat none, and undo each once.

A short campaign by default; OMIUM_TEST_KILLS=2000 makes it a long one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import omium

KILLS = int(os.environ.get("OMIUM_TEST_KILLS", "20"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_effects_happen_once_and_are_undone_once(tmp_path: Path) -> None:
    package = Path(omium.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "effects", "--kills", str(KILLS), "--directory", str(tmp_path)],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"\n{KILLS} kills" in done.stdout
