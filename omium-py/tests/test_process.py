"""The process around it: os.fork, import, settings."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import omium
from omium import InvalidInput


@omium.step
def note(text: str) -> str:
    return text


def in_child(function: Any) -> int:
    """Runs it in a forked child; 0 when it returned."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_a_forked_child_uses_the_store_for_its_own_executions() -> None:
    def child() -> None:
        with omium.execution("child"):
            assert note("c") == "c"

    with omium.execution("before"):
        note("p")
    assert in_child(child) == 0
    with omium.execution("after"):
        note("p")
    assert {run.id for run in omium.executions(status="completed")} == {"before", "child", "after"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_a_forked_child_does_not_write_into_the_execution_of_its_parent() -> None:
    with ExitStack() as stack:
        run = stack.enter_context(omium.execution("x"))
        note("first")

        def child() -> None:
            assert note("in the child") == "in the child"
            # It leaves the block it inherited, as a script that forks does at its end.
            stack.close()

        assert in_child(child) == 0
        assert run.status == "running"
        assert not run.orphaned
        note("second")
    assert run.status == "completed"
    assert [each.value for each in run.checkpoints()] == ["first", "second"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_an_effect_of_a_forked_child_says_that_it_is_not_on_record() -> None:
    @omium.effect
    def mail() -> str:
        return "sent"

    def lost() -> None:
        with pytest.warns(RuntimeWarning, match="forked inside an execution, so nothing of it is on record"):
            assert mail() == "sent"

    def own() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with omium.execution("y"):
                mail()

    with omium.execution("x"):
        assert in_child(lost) == 0
        assert in_child(own) == 0
    assert omium.get("x").effects() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_a_forked_child_of_an_async_program_can_commit() -> None:
    @omium.step
    async def later(text: str) -> str:
        return text

    async def program(name: str) -> None:
        async with omium.execution(name):
            await asyncio.gather(*(later(str(i)) for i in range(8)))

    asyncio.run(program("parent"))
    assert in_child(lambda: asyncio.run(program("child"))) == 0
    assert len(omium.get("child").checkpoints()) == 8


def python(code: str, *options: str, **environment: str) -> str:
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


def test_importing_loads_opens_and_starts_nothing(tmp_path: Path) -> None:
    heavy = (
        *("asyncio", "inspect", "dataclasses", "concurrent.futures", "logging", "decimal", "pathlib", "sqlite3"),
        *("pydantic", "numpy", "langgraph", "httpx"),
    )
    code = (
        "import os, sys, threading; os.chdir(sys.argv[1])\n"
        "import omium\n"
        f"print([m for m in {heavy!r} if m in sys.modules], threading.active_count(), os.listdir('.'))"
    )
    assert python(code.replace("sys.argv[1]", repr(str(tmp_path)))).strip() == "[] 1 []"


def test_the_environment_names_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    omium.init()
    monkeypatch.chdir(tmp_path)
    assert omium.config.settings()[:3] == (str(tmp_path / ".omium"), "strict", "msgpack")
    monkeypatch.setenv("OMIUM_STORE", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("OMIUM_DURABILITY", "process")
    assert omium.config.settings()[:3] == (str(tmp_path / "elsewhere"), "process", "msgpack")
    with omium.execution("x"):
        note("a")
    assert (tmp_path / "elsewhere" / "index.db").exists()
    assert omium.config.store().durability == "process"
    omium.init(store="mine", durability="batch(5)")
    assert omium.config.settings()[:3] == (str(tmp_path / "mine"), "batch(5)", "msgpack")
    monkeypatch.chdir("/")
    assert omium.config.settings().store == str(tmp_path / "mine")


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(InvalidInput, match="codec"):
        omium.init(codec="yaml")  # type: ignore[arg-type]
    omium.init(durability="often")
    with pytest.raises(InvalidInput, match="often"):
        omium.config.store()


def test_every_public_name_is_there() -> None:
    for name in set(omium.__all__) - set(omium._ADAPTERS):
        assert getattr(omium, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = omium.nothing
