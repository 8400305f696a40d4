"""Generated programs, killed and run again, come to what they come to when nobody disturbs, and do it as often.

A short campaign by default; OMIUM_TEST_PROGRAMS=20000 makes it a long one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import omium

from .bugs import BUGS

PROGRAMS = int(os.environ.get("OMIUM_TEST_PROGRAMS", "80"))
FOUND_WITHIN = 400


def campaign(*arguments: str) -> subprocess.CompletedProcess[str]:
    package = Path(omium.__file__).parent.parent
    return subprocess.run(
        [sys.executable, "-m", "identity", *arguments],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_no_call_is_answered_with_another() -> None:
    done = campaign("--programs", str(PROGRAMS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"\n{PROGRAMS} programs" in done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
@pytest.mark.parametrize("bug", sorted(BUGS))
def test_the_campaign_finds_what_is_broken_on_purpose(bug: str) -> None:
    done = campaign("--programs", str(FOUND_WITHIN), "--seed", "1", "--bug", bug)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "\nBROKEN" in done.stdout
