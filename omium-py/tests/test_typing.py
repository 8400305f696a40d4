"""Types survive the decorators, as mypy --strict sees them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import omium

SAMPLE = Path(__file__).parent / "typing_sample.py"


def test_mypy_reveals_the_types_the_sample_states(tmp_path: Path) -> None:
    package = Path(omium.__file__).parent.parent
    options = ["--strict", "--no-error-summary", "--follow-imports=silent", "--config-file=", f"--cache-dir={tmp_path}"]
    command = [sys.executable, "-m", "mypy", *options, str(SAMPLE)]
    done = subprocess.run(
        command, env={"MYPYPATH": str(package), "PATH": ""}, capture_output=True, text=True, cwd=SAMPLE.parent
    )
    assert done.stdout + done.stderr == ""
