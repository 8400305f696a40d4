"""A copy of a store in use: writers go on and die meanwhile, and the copy is whole."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk

import omium
from omium import InvalidInput
from omium._omium import Store

WRITER = """
import os, random, sys
import omium

omium.init(store=sys.argv[1], durability=sys.argv[3])
log = open(sys.argv[2], "a")

def large(n):
    return [] if n % 50 else [random.randbytes(400_000).hex()]

@omium.step
def note(n):
    return ["line %d of a conversation that goes on" % i for i in range(n % 40)] + large(n)

with omium.execution("run-%d" % os.getpid()):
    n = 0
    while True:
        note(n)
        n += 1
        # Acknowledged: what is in this file before a backup begins is in the backup.
        log.write("%d %d\\n" % (os.getpid(), n))
        log.flush()
"""


def acknowledged(log: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in log.read_text("utf-8").splitlines() if log.exists() else ():
        pid, _, count = line.partition(" ")
        if count:
            found[f"run-{pid}"] = int(count)
    return found


@pytest.fixture
def writers(store: Path, tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        process.kill()
        process.wait()


def begin(store: Path, log: Path, durability: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen([sys.executable, "-c", WRITER, str(store), str(log), durability], env=environment)


@pytest.mark.parametrize("durability", ["strict", "process"])
def test_writers_go_on_and_die_meanwhile(
    durability: str, store: Path, tmp_path: Path, writers: list[subprocess.Popen[bytes]]
) -> None:
    log = tmp_path / "acknowledged"
    writers.extend(begin(store, log, durability) for _ in range(2))
    while len(acknowledged(log)) < 2:
        time.sleep(0.02)
    choice = random.Random(7)
    for n in range(4):
        victim = choice.choice(writers)
        os.kill(victim.pid, signal.SIGKILL)
        writers.append(begin(store, log, durability))
        before = acknowledged(log)
        made = omium.backup(tmp_path / f"copy-{n}")
        assert made.entries >= sum(before.values())
        copy = Store(str(tmp_path / f"copy-{n}"), create=False)
        report = copy.check(full=True)
        assert (report.problems, report.notes) == ([], [])
        for id, count in before.items():
            assert [each.seq for each in copy.entries(id)][:count] == list(range(1, count + 1))
    assert all(each.poll() is not None for each in writers[:2]) or len(writers) == 6


def test_a_copy_that_was_cut_short_is_none(store: Path, tmp_path: Path) -> None:
    @omium.step
    def large(n: int) -> bytes:
        return os.urandom(2_000_000)

    with omium.execution("x"):
        for n in range(20):
            large(n)
    code = f"import omium; omium.init(store={str(store)!r}); import sys; omium.config.store(); print(flush=True)\n"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    cut_short = 0
    for n in range(8):
        target = tmp_path / f"copy-{n}"
        process = subprocess.Popen(
            [sys.executable, "-c", f"{code}omium.backup({str(target)!r})"], env=environment, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.02 * n)
        process.kill()
        process.communicate()
        try:
            copy = Store(str(target), create=False, read_only=True)
        except omium.NotAStore:
            cut_short += 1
        else:
            assert copy.check(full=True).ok
    assert cut_short > 0
    assert omium.config.store().check(full=True).ok


def test_a_copy_is_gone_on_with(store: Path, tmp_path: Path) -> None:
    ran: list[int] = []
    dies = [True]

    @omium.step
    def work(n: int) -> int:
        ran.append(n)
        return n

    def program() -> None:
        with omium.execution("x"):
            work(1)
            if dies.pop():
                raise KeyboardInterrupt
            work(2)

    with pytest.raises(KeyboardInterrupt):
        program()
    made = omium.backup(tmp_path / "copy")
    assert (made.path, made.executions, made.entries) == (str(tmp_path / "copy"), 1, 1)
    omium.init(store=tmp_path / "copy")
    dies.append(False)
    program()
    assert ran == [1, 2]
    omium.init(store=store)
    assert [each.name for each in omium.get("x").checkpoints()] == ["work"]


def test_where_it_may_not_go(store: Path, tmp_path: Path) -> None:
    with omium.execution("x"):
        pass
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("mine")
    with pytest.raises(InvalidInput, match="full is not empty: name a directory that is new or empty"):
        omium.backup(tmp_path / "full")
    with pytest.raises(InvalidInput, match="lies inside the store"):
        omium.backup(store / "copy")
    omium.backup(tmp_path / "copy")
    with pytest.raises(InvalidInput, match="is not empty"):
        omium.backup(tmp_path / "copy")


def test_on_the_command_line(desk: Desk) -> None:
    assert desk.omium("backup", "copy")[0] == 1
    program = desk.script("import omium\nwith omium.execution('x') as run: run.checkpoint('a')\n")
    assert desk.run(program).returncode == 0
    code, out, err = desk.omium("backup", "copy")
    assert (code, out.startswith("copy: "), "1 execution, 1 entry; every byte was read back" in out) == (0, True, True)
    assert "omium --store copy ls" in err
    assert desk.omium("check", "--full", "--store", "copy")[0] == 0
    code, out, err = desk.omium("backup", "copy")
    assert (code, out) == (1, "")
    assert "copy is not empty: name a directory that is new or empty" in err
    told = json.loads(desk.omium("backup", "again", "--json")[1])
    assert told.pop("bytes") > 0
    assert told == {"path": str(desk.directory / "again"), "executions": 1, "entries": 1, "values": 0}
