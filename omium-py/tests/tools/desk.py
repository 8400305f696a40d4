"""Runs the real command in a process of its own, on scripts the test writes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from ctrl_c import hears_ctrl_c

EXAMPLES = Path(__file__).parents[3] / "examples" / "python"


class Desk:
    """A directory with scripts and a store."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def script(self, text: str, name: str = "script.py") -> str:
        (self.directory / name).write_text(textwrap.dedent(text))
        return name

    def run(self, *command: str | Path, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *map(str, command)],
            cwd=self.directory,
            env=self._environment(environment),
            check=False,
            capture_output=True,
            input=stdin,
            timeout=1800,
        )

    def begin(self, *command: str | Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *map(str, command)],
            cwd=self.directory,
            env=self._environment({}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=hears_ctrl_c,
        )

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMIUM_", "NO_COLOR"))}
        source = str(Path(__file__).parents[2] / "python")
        return kept | {"PYTHONPATH": source, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8", **more}

    def omium(self, *arguments: str | Path, **environment: str) -> tuple[int, str, str]:
        done = self.run("-m", "omium.cli", *arguments, **environment)
        return done.returncode, done.stdout.decode(), done.stderr.decode()
