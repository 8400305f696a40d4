"""A disk that fills up: a clear error, nothing acknowledged is lost, and the run goes on once there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
import omium

omium.init(store=sys.argv[1], durability="strict")

@omium.step
def page(number: int) -> bytes:
    print("ran", number, flush=True)
    return bytes(os.urandom(40_000))

import os

@omium.workflow
def crawl(pages: int) -> int:
    for number in range(pages):
        page(number)
        print("ack", number, flush=True)
    return pages

print("result", crawl.options(id="crawl").start(100).result())
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"this sandbox does not mount: {mounted.stderr.decode().strip()}")
    return disk


def crawl(store: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(store)], capture_output=True, text=True, timeout=120, check=False
    )


def acknowledged(run: subprocess.CompletedProcess[str]) -> int:
    return run.stdout.count("ack ")


def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(small_disk: Path) -> None:
    try:
        store = small_disk / "store"
        full = crawl(store)
        assert full.returncode != 0
        assert "StoreUnavailable" in full.stderr
        assert "disk" in full.stderr or "space" in full.stderr, full.stderr
        assert 5 < acknowledged(full) < 100
        again = crawl(store)
        assert again.returncode != 0
        assert "StoreUnavailable" in again.stderr
        assert again.stdout == "", "nothing runs that could not be recorded"
        subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
        finished = crawl(store)
        assert finished.returncode == 0, finished.stderr
        assert "result 100" in finished.stdout
        assert finished.stdout.count("ran ") == 100 - acknowledged(full), "what was acknowledged is answered"
        check = subprocess.run(
            [sys.executable, "-m", "omium.cli", "--store", str(store), "check", "--full"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert check.returncode == 0, check.stdout + check.stderr
    finally:
        subprocess.run(["umount", small_disk], check=True)


def test_a_read_only_directory_is_said_to_be_one_and_can_be_read(small_disk: Path) -> None:
    try:
        store = small_disk / "store"
        made = subprocess.run(
            [sys.executable, "-c", PROGRAM.replace("start(100)", "start(3)"), str(store)],
            check=False,
            capture_output=True,
        )
        assert made.returncode == 0, made.stderr
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        refused = crawl(store)
        assert refused.returncode != 0
        assert "StoreUnavailable" in refused.stderr
        assert "read-only" in refused.stderr.lower(), refused.stderr
        for verb in (["ls"], ["log", "crawl"], ["check"]):
            read = subprocess.run(
                [sys.executable, "-m", "omium.cli", "--store", str(store), *verb],
                capture_output=True,
                text=True,
                check=False,
            )
            assert read.returncode == 0, read.stderr
    finally:
        subprocess.run(["umount", small_disk], check=True)
