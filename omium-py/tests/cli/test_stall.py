"""`omium show` says when a run that somebody runs has fallen silent."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from omium import _omium, cli

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def running(tmp_path: Path) -> tuple[Path, _omium.Run]:
    path = tmp_path / "store"
    run = _omium.Store(str(path)).begin("crawl", "crawl-1")
    seq = 0
    for number in range(5):
        claim = run.claim("step", "", f"page-{number}", b"", prev=seq)
        seq = run.commit(claim, ("msgpack", b"\xc0"))
    return path, run


def show(path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["--store", str(path), "show", "crawl-1", *arguments]) == 0
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_a_silent_run_is_said_to_be_stuck(
    running: tuple[Path, _omium.Run], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = running
    assert "may be stuck" not in show(path, capsys)
    later = time.time_ns() + 600 * 1_000_000_000
    monkeypatch.setattr("omium.cli.show.time.time_ns", lambda: later)
    assert "may be stuck" in show(path, capsys)
    assert json.loads(show(path, capsys, "--json"))["stalled_ms"] >= 590_000


def test_a_finished_run_is_never_stuck(
    running: tuple[Path, _omium.Run], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, run = running
    run.complete(None)
    later = time.time_ns() + 600 * 1_000_000_000
    monkeypatch.setattr("omium.cli.show.time.time_ns", lambda: later)
    assert "may be stuck" not in show(path, capsys)
