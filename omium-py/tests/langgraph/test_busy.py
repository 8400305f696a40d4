"""A share of the campaign in which one thread is invoked by several at once; `make busy` does as many as wanted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def campaign(*arguments: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "busy", "--workers", "2", *arguments]
    ended = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout)


def test_a_thread_that_several_invoke_at_once_keeps_every_promise() -> None:
    code, found = campaign("--rounds", "40", "--seed", "1")
    assert (code, found["broken"]) == (0, {})


@pytest.mark.parametrize("bug", ["superstep", "token"])
def test_a_fault_is_found(bug: str) -> None:
    code, found = campaign("--rounds", "400", "--seed", "1", "--bug", bug)
    assert code == 1
    assert found["broken"]
