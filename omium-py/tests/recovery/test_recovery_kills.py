"""A kill at any moment of a recovery continues it: real processes, SIGKILL at every entry that is written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import omium

PROGRAM = Path(__file__).with_name("repairing.py")


def run(store: Path, kill_at: int | None = None) -> int:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OMIUM_")}
    arguments = [] if kill_at is None else [str(kill_at)]
    environment |= {"OMIUM_STORE": str(store), "PYTHONPATH": str(Path(omium.__file__).parents[1])}
    done = subprocess.run([sys.executable, PROGRAM, *arguments], env=environment, check=False, capture_output=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


@pytest.mark.parametrize("kill_at", range(1, 12))
def test_a_recovery_goes_on_where_it_was_killed(store: Path, kill_at: int) -> None:
    killed = run(store, kill_at) != 0
    assert run(store) == 0
    execution = omium.get("order")
    assert execution.status == "completed"
    log = (store.parent / "outside.txt").read_text().split()
    assert [log.count(what) for what in ("refund-bad", "charge-good", "refund-good")] == [1, 1, 0]
    assert log.count("charge-bad") == 1
    failures = execution.failures()
    assert [each.recovery for each in failures if each.type == "failed_check"] == ["rollback:plan"]
    assert [each.type for each in failures if each.type != "failed_check"] == ["crash"] * killed
