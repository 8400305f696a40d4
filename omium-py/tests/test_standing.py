"""What a run is said to be doing when nobody runs it: one word for a run that died, one for a run that may go on."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import omium


class Drain(BaseException):
    """A program's own way to stop in the middle."""


@omium.step
def note(text: str) -> str:
    return text


@omium.step
def stopping(error: type[BaseException]) -> None:
    raise error


@omium.effect(in_doubt="retry")
def paying(error: type[BaseException]) -> None:
    raise error


PLACES = {
    "the workflow": lambda error: stopping.__wrapped__(error),
    "a step": stopping,
    "an effect": paying,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, Drain])
def test_a_run_that_drains_is_no_failure(error: type[BaseException], place: str) -> None:
    drains = True

    @omium.workflow(name="draining")
    def draining() -> str:
        text = note("a")
        if drains:
            PLACES[place](error)
        return text

    with pytest.raises(error):
        draining.options(id="d").start()
    run = omium.get("d")
    assert (run.status, run.orphaned, run.error, run.failures()) == ("ready", False, None, [])
    drains = False
    assert run.resume().result() == "a"


def test_what_nobody_has_begun_since_is_ready(tmp_path: Path) -> None:
    with omium.execution("x") as run:
        assert run.status == "running"
        note("a")
        note("b")
    fork = run.fork(at=1, id="fork")
    run.store.export("fork", str(tmp_path / "x.omx"))
    imported = run.store.import_(str(tmp_path / "x.omx"), "import")
    run.rollback(to=1)
    with pytest.raises(omium.Waiting), omium.execution("asks"):
        omium.ask("go on?")
    assert omium.get("asks").status == "waiting"
    omium.answer("asks", True)
    assert [fork.status, imported.status, run.status, omium.get("asks").status] == ["ready"] * 4
    assert {each.id for each in omium.executions(status="ready")} == {"x", "fork", "import", "asks"}
    assert omium.executions(status="orphaned") == []
    assert omium.executions(status="running") == []
    with pytest.raises(omium.NotFinished, match="is ready and has no result yet; nobody runs it: resume it"):
        fork.result()


def test_one_whose_process_died_is_orphaned(store: Path) -> None:
    program = """
        import os, signal
        import omium

        with omium.execution("x"):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(omium.__file__).parents[1]), "OMIUM_STORE": str(store)}
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    run = omium.get("x")
    assert (run.status, run.orphaned) == ("orphaned", True)
    assert [each.id for each in omium.executions(status="orphaned")] == ["x"]
    assert omium.executions(status="ready") == []
    with pytest.raises(omium.NotFinished, match="is orphaned and has no result yet; nobody runs it: resume it"):
        run.result()
    with omium.execution("x"):
        assert run.status == "running"


async def test_an_answer_to_what_has_ended_leaves_it_ended() -> None:
    @omium.effect(in_doubt="ask")
    async def pay() -> str:
        await asyncio.sleep(60)
        return "paid"

    async with omium.execution("x") as run:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(pay(), 0.1)
    assert (run.status, [each.state for each in run.effects()]) == ("completed", ["in doubt"])
    run.answer("a receipt")
    assert (run.status, [each.state for each in run.effects()]) == ("completed", ["done"])


def test_code_that_diverged_does_not_become_the_source(tmp_path: Path, store: Path) -> None:
    (tmp_path / "good.py").write_text(
        "import omium, sys\n"
        "@omium.step\ndef one():\n    return 1\n"
        "@omium.workflow\ndef work():\n    one()\n    raise SystemExit(3)\n"
        "work.options(id='x').start()\n"
    )
    (tmp_path / "other.py").write_text((tmp_path / "good.py").read_text().replace("one", "two"))
    environment = {**os.environ, "PYTHONPATH": str(Path(omium.__file__).parents[1]), "OMIUM_STORE": str(store)}
    for name, code in (("good.py", 3), ("other.py", 1)):
        done = subprocess.run([sys.executable, name], cwd=tmp_path, env=environment, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
        assert omium.get("x").known().source == f"{tmp_path / 'good.py'}:work"
    assert omium.get("x").status == "failed"


@pytest.mark.parametrize("durability", ["strict", "process", "batch(10)"])
def test_a_store_that_is_deleted_while_open_takes_nothing_more(tmp_path: Path, durability: str) -> None:
    place = tmp_path / "gone"
    omium.init(store=place, durability=durability)

    def program() -> None:
        with omium.execution("x"):
            note("a")
            shutil.rmtree(place)
            note("b")

    told = re.escape(f"{place} was deleted, or replaced by another, while it was open")
    with pytest.raises(omium.StoreUnavailable, match=told):
        program()


def test_a_handle_says_how_it_stands() -> None:
    with omium.execution("report-42") as run:
        note("a")
        assert repr(run) == "<omium.Execution report-42 running, 1 checkpoint>"
        note("b")
    assert repr(run) == "<omium.Execution report-42 completed, 2 checkpoints>"
    assert (
        repr(omium.get("report-42").fork(at=1, id="two words")) == "<omium.Execution 'two words' ready, 1 checkpoint>"
    )
    with omium.execution("long") as run:
        for number in range(201):
            note(str(number))
    assert repr(run) == "<omium.Execution long completed, 200+ checkpoints>"
    run.store.delete("long")
    assert repr(run) == "<omium.Execution long, ExecutionNotFound>"
