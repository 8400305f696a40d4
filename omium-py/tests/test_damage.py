"""Damage and a store that cannot be read: said as what they are, whoever asks, and never taken for the code's doing."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import omium
from omium import InvalidInput, ReplayReport, StoreCorrupted, StoreUnavailable, config

ran: Counter[str] = Counter()


@omium.step
def look(n: int) -> bytes:
    ran["look"] += 1
    return os.urandom(3000)


@omium.step
def think(seen: bytes) -> str:
    ran["think"] += 1
    return "thought"


@omium.workflow
def plan(n: int) -> str:
    return think(look(n))


@omium.workflow
def careless(n: int) -> str:
    try:
        return think(look(n))
    except Exception:
        return "never mind"


@omium.workflow
async def aplan(n: int) -> str:
    return think(look(n))


def flip_a_bit(store: Path) -> None:
    """In the one pack there is: the value of the first step."""
    omium._omium.Store(str(store)).gc()
    with sqlite3.connect(store / "index.db") as index:
        ((row, data),) = index.execute("SELECT id, bytes FROM pack").fetchall()
        broken = bytearray(data)
        broken[-1000] ^= 1
        index.execute("UPDATE pack SET bytes = ? WHERE id = ?", (bytes(broken), row))
    ran.clear()


@pytest.mark.parametrize("workflow", [plan, careless], ids=lambda each: each.name)
def test_a_replay_of_a_damaged_record_ends_with_the_damage(store: Path, workflow: Any) -> None:
    workflow.options(id="x").start(1)
    assert omium.get("x").replay() == ReplayReport(2)
    flip_a_bit(store)
    with pytest.raises(StoreCorrupted):
        omium.get("x").replay()
    assert not ran


def test_an_async_replay_too(store: Path) -> None:
    asyncio.run(aplan.options(id="x").start(1))
    flip_a_bit(store)
    with pytest.raises(StoreCorrupted):
        asyncio.run(omium.get("x").areplay())


def test_a_run_does_not_go_on_from_damage_that_its_code_catches(store: Path) -> None:
    def run(then: Callable[[], object]) -> None:
        with omium.execution("x"):
            try:
                look(1)
            except Exception:
                think(b"made up")
            then()

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(stop)
    flip_a_bit(store)
    with pytest.raises(StoreCorrupted):
        run(list)
    assert not ran, "something ran on from what could not be read"
    assert omium.get("x").status == "ready"


def test_what_the_code_was_told_of_a_recorded_failure_is_judged_as_the_code_s_own() -> None:
    @omium.step(timeout=0.01)
    async def slow() -> None:
        await asyncio.sleep(5)

    async def patient() -> str:
        try:
            await slow()
        except omium.StepTimeout:
            return "without it"
        return "with it"

    async def hasty() -> None:
        await slow()

    asyncio.run(omium.workflow(name="code")(patient).options(id="x").start())
    omium.workflow(name="code")(hasty)
    report = omium.get("x").replay()
    assert report.diverged_at is not None
    assert "StepTimeout" in report.differences[0]


def damage_an_entry(store: Path) -> None:
    """The execution is there, and cannot be opened."""
    with sqlite3.connect(store / "index.db") as index:
        index.execute("UPDATE entry SET key = 'other'")
    ran.clear()


def test_a_replay_that_cannot_begin_says_why(store: Path) -> None:
    plan.options(id="x").start(1)
    asyncio.run(aplan.options(id="y").start(1))
    damage_an_entry(store)
    with pytest.raises(StoreCorrupted):
        omium.get("x").replay()
    with pytest.raises(StoreCorrupted):
        asyncio.run(omium.get("y").areplay())
    met: list[BaseException] = []

    def elsewhere() -> None:
        try:
            omium.get("y").replay()
        except BaseException as error:
            met.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert [type(each) for each in met] == [StoreCorrupted]


def test_a_run_that_cannot_begin_says_why(store: Path) -> None:
    plan.options(id="x").start(1)
    asyncio.run(aplan.options(id="y").start(1))
    damage_an_entry(store)

    async def within() -> None:
        async with omium.execution("x"):
            look(1)

    for attempt in (
        lambda: plan.options(id="x").start(1),
        lambda: omium.get("x").resume(),
        lambda: asyncio.run(aplan.options(id="y").start(1)),
        lambda: asyncio.run(within()),
        lambda: omium.execution("x", mode="replay").__enter__(),
        lambda: omium.execution("x").__enter__(),
    ):
        with pytest.raises(StoreCorrupted):
            attempt()
    assert not ran


def test_a_store_that_cannot_be_written_is_said(store: Path) -> None:
    plan.options(id="x").start(1)
    config.confine(str(store), read_only=True)
    try:
        for attempt in (lambda: plan.options(id="z").start(1), lambda: omium.execution("z").__enter__()):
            with pytest.raises((InvalidInput, StoreUnavailable)):
                attempt()
        assert omium.get("x").replay() == ReplayReport(2)
    finally:
        config.confine(None, read_only=False)


PROGRAM = """
import os, sys
import omium

@omium.step
def look():
    return os.urandom(3000)

@omium.step
def think(seen):
    if "fail" in sys.argv:
        raise ValueError("no idea")
    return "thought"

if __name__ == "__main__":
    try:
        with omium.execution("x"):
            think(look())
    except ValueError:
        sys.exit(1)
"""


@pytest.mark.parametrize("what", ["value", "entry"])
def test_the_command_line_says_it_with_its_own_exit_code(store: Path, tmp_path: Path, what: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)

    def python(*command: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OMIUM_STORE": str(store), "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    assert python("program.py", "fail").returncode == 1
    assert python("-m", "omium.cli", "replay", "x", "--code", "program.py fail").returncode == 0
    if what == "value":
        flip_a_bit(store)
    else:
        damage_an_entry(store)
    for verb in (["replay"], ["why", "--confirm", "--suspect", "1", "--value", '"other"']):
        done = python("-m", "omium.cli", *verb, "x", "--code", "program.py fail")
        assert done.returncode == 1, done.stdout + done.stderr
        assert "error: " in done.stderr, done.stderr
        assert "omium check --full" in done.stderr, done.stderr
        assert "diverge" not in done.stdout + done.stderr
