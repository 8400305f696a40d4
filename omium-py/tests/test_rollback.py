"""Rollback moves the head, fork shares the history; neither runs anything nor erases anything."""

from __future__ import annotations

from collections import Counter

import pytest

import omium
from omium import EntryNotFound, InvalidInput, LeaseHeld

ran: Counter[str] = Counter()


@omium.step
def search(topic: str) -> list[str]:
    ran["search"] += 1
    return [topic, f"{topic} {ran['search']}"]


@omium.step
def write(sources: list[str]) -> str:
    ran["write"] += 1
    return " + ".join(sources)


@omium.step
def send(text: str) -> str:
    ran["send"] += 1
    return f"sent {text}"


@omium.workflow
def research(topic: str) -> str:
    return send(write(search(topic)))


@pytest.fixture(autouse=True)
def run() -> omium.Execution[str]:
    ran.clear()
    return research.options(id="r").start("a")


def test_a_plan_does_nothing(run: omium.Execution[str]) -> None:
    plan = run.rollback(to=1, plan=True)
    assert (plan.execution, plan.to, plan.head) == ("r", 1, 3)
    assert [each.name for each in plan.falls] == ["send", "write"]
    assert (run.status, run.head) == ("completed", 3)


def test_rollback_moves_the_head_and_resume_runs_forward(run: omium.Execution[str]) -> None:
    run.rollback(to=1)
    assert run.head == 1
    assert [each.name for each in run.checkpoints()] == ["search"]
    assert ran == {"search": 1, "write": 1, "send": 1}
    assert run.status == "ready"
    assert run.resume().result() == "sent a + a 1"
    assert ran == {"search": 1, "write": 2, "send": 2}
    assert [each.seq for each in run.checkpoints()] == [1, 4, 5]


def test_rollback_to_the_beginning_and_twice(run: omium.Execution[str]) -> None:
    run.rollback(to=0)
    run.rollback(to=0)
    assert run.checkpoints() == []
    assert run.resume().result() == "sent a + a 2"


def test_a_failed_execution_is_repaired_by_rollback() -> None:
    @omium.step
    def judge(text: str) -> str:
        ran["judge"] += 1
        if ran["judge"] == 1:
            raise ValueError("bad text")
        return text

    @omium.workflow
    def judged(topic: str) -> str:
        return judge(write(search(topic)))

    with pytest.raises(ValueError, match="bad text"):
        judged.options(id="j").start("t")
    run = omium.get("j")
    run.rollback(to=0)
    assert run.status == "ready"
    assert run.resume().result() == "t + t 3"


def test_there_is_no_rollback_to_nowhere(run: omium.Execution[str]) -> None:
    with pytest.raises(EntryNotFound):
        run.rollback(to=17)
    for to in (-1, True, "search"):
        with pytest.raises(InvalidInput, match="seq of an entry"):
            run.rollback(to=to)  # type: ignore[arg-type]


def test_rollback_is_refused_while_it_runs() -> None:
    with omium.execution("live") as live:
        search("x")
        with pytest.raises(LeaseHeld):
            live.rollback(to=0)
        with pytest.raises(LeaseHeld):
            omium.get("live").rollback(to=0)
    assert live.status == "completed"


def test_a_fork_shares_the_history_and_goes_its_own_way(run: omium.Execution[str]) -> None:
    other = run.fork(at=2, id="r-formal")
    assert ran == {"search": 1, "write": 1, "send": 1}
    assert [each.value for each in other.checkpoints()] == [each.value for each in run.checkpoints()[:2]]
    assert other.resume().result() == "sent a + a 1"
    assert ran == {"search": 1, "write": 1, "send": 2}
    assert run.head == 3
    assert other.known().forked_from == ("r", 2)


def test_a_fork_with_an_edited_result(run: omium.Execution[str]) -> None:
    by_name = run.fork(at=1, id="by-name", edit={"search": ["good"]})
    by_seq = run.fork(at=1, id="by-seq", edit={1: ["better", "source"]})
    assert by_name.resume().result() == "sent good"
    assert by_seq.resume().result() == "sent better + source"
    assert run.checkpoints()[0].value == ["a", "a 1"]
    assert ran["search"] == 1


def test_a_fork_gets_an_id_when_none_is_given(run: omium.Execution[str]) -> None:
    other = run.fork(at=3)
    assert other.id.startswith("r-")
    assert other.resume().result() == "sent a + a 1"
    assert ran["send"] == 1


def test_edits_name_one_entry() -> None:
    with omium.execution("x") as run:
        search("a")
        search("b")
    with pytest.raises(InvalidInput, match="more than once: edit one of the seqs 1, 2"):
        run.fork(at=2, id="y", edit={"search": []})
    with pytest.raises(EntryNotFound, match="no entry 'write' up to 2"):
        run.fork(at=2, id="y", edit={"write": []})
    with pytest.raises(omium.NotSerializable):
        run.fork(at=2, id="y", edit={1: object()})
    run.fork(at=1, id="y", edit={"search": ["only one up to 1"]})


def test_a_fork_onto_an_id_that_exists_is_refused(run: omium.Execution[str]) -> None:
    with pytest.raises(omium.OmiumError):
        run.fork(at=1, id="r")
    with pytest.raises(EntryNotFound):
        run.fork(at=9, id="z")


async def test_async_rollback(run: omium.Execution[str]) -> None:
    await run.arollback(to=1)
    assert run.head == 1
