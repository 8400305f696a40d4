"""What a call returns is what was recorded of it, in the run that records it as in every later one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import codec_samples as s
import pytest

import omium
from omium import NotSerializable, codec

TODO = ["a"]


def shares() -> Any:
    todo = ["a"]
    return {"todo": todo, "all": todo, "pair": (todo, todo)}


def holds_a_global() -> Any:
    return TODO


def computed() -> Any:
    order = s.Computed(2)
    assert order.thrice == 6
    return order


def shaped() -> Any:
    inner: defaultdict[str, list[int]] = defaultdict(list, a=[1])
    return [inner, OrderedDict(b=inner), s.Order(1, [inner], s.Point(1.0))]


def as_told(value: Any) -> str:
    """What a program can find out about it, sharing and all, after it has changed it."""
    seen: dict[int, int] = {}

    def walk(item: Any) -> Any:
        if isinstance(item, (str, int, float, type(None))):
            return item
        number = seen.setdefault(id(item), len(seen))
        if isinstance(item, dict):
            return [number, type(item).__name__, {key: walk(each) for key, each in item.items()}]
        if isinstance(item, (list, tuple)):
            return [number, type(item).__name__, [walk(each) for each in item]]
        return [number, type(item).__name__, sorted((key, walk(each)) for key, each in vars(item).items())]

    return repr(walk(value))


VERBS: dict[str, Callable[[Callable[[], Any]], Callable[[], Any]]] = {
    "step": omium.step,
    "checkpoint": omium.checkpoint("named"),
    "effect": omium.effect,
    "pickled step": omium.step(codec="pickle"),
    "pickled effect": omium.effect(codec="pickle"),
    "timed step": omium.step(timeout=30),
    "nested workflow": omium.workflow,
}


@pytest.mark.parametrize("make", [shares, holds_a_global, computed, shaped])
@pytest.mark.parametrize("verb", VERBS)
def test_sync(verb: str, make: Callable[[], Any]) -> None:
    call = VERBS[verb](make)
    told = []
    for _ in range(2):
        with omium.execution("x"):
            value = call()
            told.append(as_told(value))
    assert told[0] == told[1]
    assert value is not TODO


@pytest.mark.parametrize("make", [shares, holds_a_global, computed])
@pytest.mark.parametrize("verb", [each for each in VERBS if each != "nested workflow"])
def test_async(verb: str, make: Callable[[], Any]) -> None:
    async def body() -> Any:
        return make()

    call: Any = VERBS[verb](body)

    async def program() -> str:
        async with omium.execution("x"):
            return as_told(await call())

    assert asyncio.run(program()) == asyncio.run(program())


def test_a_checkpoint_block_hands_on_what_it_recorded() -> None:
    told = []
    for _ in range(2):
        with omium.execution("x"):
            with omium.Checkpoint("plan") as block:
                if not block.recorded:
                    block.value = shares()
            told.append(as_told(block.value))
    assert told[0] == told[1]


def test_the_receipt_that_a_probe_found() -> None:
    @omium.effect(probe=shares, retries=1)
    def act() -> Any:
        raise ConnectionError

    told = []
    for _ in range(2):
        with omium.execution("x"):
            told.append(as_told(act()))
    assert told[0] == told[1]


def test_what_cannot_change_is_handed_on_as_it_is() -> None:
    for value in (None, True, 5, 2**70, 1.5, "text" * 10, b"bytes", (), (1, ("a", None))):
        assert codec.recorded(value)[1] is value
    for changing in ([], {}, set(), bytearray(b"x"), (1, []), s.Order(1)):
        copied = codec.recorded(changing)[1]
        assert copied == changing
        assert copied is not changing


def test_what_could_not_be_read_back_is_refused_when_it_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    from omium.codec import _engine

    def fails(plain: Any) -> s.Plain:
        raise KeyError("version")

    monkeypatch.setattr(_engine, "registered", dict(_engine.registered))
    monkeypatch.setattr(_engine, "reducers", dict(_engine.reducers))
    codec.register(s.Plain, "tests.unreadable", lambda plain: plain.v, fails)

    @omium.step
    def make() -> s.Plain:
        return s.Plain(3)

    with pytest.raises(NotSerializable, match=r"could not be read back .*KeyError: 'version'"), omium.execution("x"):
        make()
    assert omium.get("x").checkpoints() == []


PROGRAM = """
import os, sys, omium

@omium.step
def plan():
    todo = ["a"]
    return {"todo": todo, "all": todo}

@omium.step
def other():
    if "DIE" in os.environ:
        os.kill(os.getpid(), 9)
    return 1

@omium.workflow
def work():
    planned = plan()
    other()
    planned["todo"].append("b")
    return len(planned["all"])

print(work.options(id=sys.argv[1]).start().result())
"""


def test_a_killed_program_comes_to_the_result_of_one_that_was_not(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)

    def run(id: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "program.py", id]
        return subprocess.run(
            command, cwd=tmp_path, env={**os.environ, **more}, capture_output=True, text=True, timeout=60, check=False
        )

    assert run("killed", DIE="1").returncode == -signal.SIGKILL
    assert run("killed").stdout == run("whole").stdout == "1\n"
