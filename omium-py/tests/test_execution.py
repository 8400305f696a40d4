"""`omium.execution(id)` around loose code: begins, resumes, completes, fails, and stays out of the way."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

import pytest

import omium
from omium import Divergence, InvalidInput, LeaseHeld, StoreUnavailable


@omium.step
def note(text: str) -> str:
    return text


def notes(count: int, error: BaseException | None = None) -> None:
    """That many steps, and then the error."""
    for i in range(count):
        note(str(i))
    if error is not None:
        raise error


def test_leaving_the_block_completes_it() -> None:
    with omium.execution("crew-7", workflow="crew") as run:
        assert (run.id, run.workflow, run.status) == ("crew-7", "crew", "running")
        assert not run.orphaned
        note("a")
    assert (run.status, run.result(), run.head) == ("completed", None, 1)


def test_an_exception_fails_it_and_it_goes_on_from_there() -> None:
    for attempt in range(3):
        with pytest.raises(RuntimeError), omium.execution("x") as run:
            notes(attempt + 1, RuntimeError(f"attempt {attempt}"))
        assert (run.status, run.error) == ("failed", f"RuntimeError: attempt {attempt}")
    with omium.execution("x") as run:
        notes(3)
    assert (run.status, run.error) == ("completed", None)
    assert [each.value for each in run.checkpoints()] == ["0", "1", "2"]


def test_a_finished_execution_answers_and_runs_nothing(ran: Counter[str]) -> None:
    @omium.step
    def work() -> int:
        ran["work"] += 1
        return 5

    for _ in range(3):
        with omium.execution("x"):
            assert work() == 5
    assert ran["work"] == 1
    with pytest.raises(Divergence), omium.execution("x"):
        note(f"new {work()}")
    assert omium.get("x").status == "completed"


def test_replay_mode_runs_nothing_and_writes_nothing() -> None:
    with pytest.raises(KeyboardInterrupt), omium.execution("x"):
        notes(1, KeyboardInterrupt())
    with omium.execution("x", mode="replay"):
        notes(1)
    with pytest.raises(Divergence), omium.execution("x", mode="replay"):
        notes(2)
    run = omium.get("x")
    assert run.status == "ready"
    assert len(run.checkpoints()) == 1
    with pytest.raises(omium.ExecutionNotFound), omium.execution("nobody", mode="replay"):
        pass
    with pytest.raises(InvalidInput, match="mode"):
        omium.execution("x", mode="dry")  # type: ignore[arg-type]


def test_executions_nest_without_mixing() -> None:
    with omium.execution("outer") as outer:
        note("o1")
        with omium.execution("inner") as inner:
            note("i1")
        note("o2")
    assert [each.value for each in outer.checkpoints()] == ["o1", "o2"]
    assert [each.value for each in inner.checkpoints()] == ["i1"]


def test_the_same_execution_twice_at_a_time_is_refused() -> None:
    with omium.execution("x"), pytest.raises(LeaseHeld, match="x"), omium.execution("x"):
        pass
    assert omium.get("x").status == "completed"


def test_checkpoint_records_a_value_once() -> None:
    seqs = []
    for tries in range(2):
        try:
            with omium.execution("x") as run:
                note("a")
                seqs.append(run.checkpoint({"plan": [1, (2,)]}, label="after-plan"))
                seqs.append(run.checkpoint("again"))
                note("b")
                if tries == 0:
                    raise ValueError
        except ValueError:
            continue
    assert seqs == [2, 3, 2, 3]
    entries = run.checkpoints()
    assert [each.name for each in entries] == ["note", "after-plan", "checkpoint", "note"]
    assert entries[1].value == {"plan": [1, (2,)]}


def test_checkpoint_belongs_into_its_own_execution() -> None:
    with omium.execution("x") as run:
        pass
    with pytest.raises(InvalidInput, match=r"inside `with omium\.execution\('x'\)`"):
        run.checkpoint(1)
    with omium.execution("y"), pytest.raises(InvalidInput):
        run.checkpoint(1)


async def test_async_with() -> None:
    async with omium.execution("x") as run:
        await asyncio.gather(*(asyncio.to_thread(note, str(i)) for i in range(5)))
        run.checkpoint("here")
    assert run.status == "completed"
    assert len(run.checkpoints()) == 6
    with pytest.raises(LookupError):
        async with omium.execution("y"):
            raise LookupError
    assert omium.get("y").status == "failed"
    with pytest.raises(asyncio.CancelledError):
        async with omium.execution("z"):
            raise asyncio.CancelledError
    assert omium.get("z").status == "ready"


def test_code_cannot_swallow_what_aborts_the_run() -> None:
    @omium.step
    def first() -> None: ...

    @omium.step
    def second() -> None: ...

    def both() -> None:
        first()
        second()
        raise KeyboardInterrupt

    def swallows() -> None:
        try:
            note("something else")
        except Exception:
            note("swallowed it")

    with pytest.raises(KeyboardInterrupt), omium.execution("x"):
        both()
    with pytest.raises(Divergence), omium.execution("x") as run:
        swallows()
    assert [each.name for each in run.checkpoints()] == ["first", "second"]
    assert run.status == "failed"


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files")
def test_a_store_that_cannot_be_made(tmp_path: object) -> None:
    omium.init(store="/proc/nowhere/store")
    with pytest.raises(StoreUnavailable) as caught, omium.execution("x"):
        pass
    assert isinstance(caught.value, OSError)
