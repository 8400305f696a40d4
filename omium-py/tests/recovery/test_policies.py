"""Recovery policies: retry, roll back and repair, ask, fail; and that their loops end."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

import omium


def planner(ran: Counter[str], told: list[Any], **policy: Any) -> Any:
    """A workflow whose plan is only good once it is told why it was not."""

    @omium.step
    def inner(note: str) -> str:
        ran["inner"] += 1
        return note

    @omium.step
    def search() -> str:
        ran["search"] += 1
        return "found"

    @omium.step
    def plan(topic: str) -> str:
        ran["plan"] += 1
        why = omium.failure()
        told.append(why and (why.type, why.step))
        return inner("good" if why else "bad")

    @omium.step(postconditions=["result != 'BAD'"], **policy)
    def write(plan: str) -> str:
        ran["write"] += 1
        return plan.upper()

    @omium.workflow
    def research() -> str:
        search()
        return write(plan("bees"))

    return research


def test_the_run_goes_back_to_a_step_and_repairs_it(ran: Counter[str]) -> None:
    told: list[Any] = []
    research = planner(ran, told, recovery=["rollback:plan", "fail"])
    run = research.options(id="r").start()
    assert run.result() == "GOOD"
    assert ran == {"search": 1, "plan": 2, "inner": 2, "write": 2}
    assert told == [None, ("failed_check", "write")]
    (failure,) = run.failures()
    assert (failure.recovery, failure.live, failure.recoverable) == ("rollback:plan", False, False)
    assert run.replay().diverged_at is None


def test_rollbacks_end(ran: Counter[str]) -> None:
    @omium.step
    def plan() -> int:
        ran["plan"] += 1
        return ran["plan"]

    @omium.step(postconditions=["result < 0"], recovery=omium.Recovery(rollback="plan", rollbacks=3))
    def write(plan: int) -> int:
        return plan

    @omium.workflow
    def research() -> int:
        return write(plan())

    with pytest.raises(omium.PostconditionFailed):
        research.options(id="r").start()
    assert ran["plan"] == 4
    assert [each.recovery for each in omium.get("r").failures()] == ["rollback:plan"] * 3 + ["fail"]


async def test_async_workflows_go_back_too(ran: Counter[str]) -> None:
    @omium.step
    async def plan() -> str:
        return "good" if omium.failure() else "bad"

    @omium.step
    async def beside() -> None:
        ran["beside"] += 1

    @omium.step(postconditions=["result == 'good'"], recovery=["rollback:plan"])
    async def write(plan: str) -> str:
        return plan

    @omium.workflow
    async def research() -> str:
        text = await plan()
        results = await asyncio.gather(write(text), beside())
        return results[0]

    run = await research.options(id="r").start()
    assert await run.aresult() == "good"


def test_a_rollback_undoes_the_effects_on_the_way(ran: Counter[str]) -> None:
    @omium.step
    def plan() -> str:
        return "good" if omium.failure() else "bad"

    def refund(receipt: str) -> None:
        ran[f"refund {receipt}"] += 1

    @omium.effect(undo=refund)
    def charge(plan: str) -> str:
        ran[f"charge {plan}"] += 1
        return plan

    @omium.step(postconditions=["result == 'good'"], recovery=["rollback:plan"])
    def check(receipt: str) -> str:
        return receipt

    @omium.workflow
    def order() -> str:
        return check(charge(plan()))

    assert order.options(id="o").start().result() == "good"
    assert ran == {"charge bad": 1, "refund bad": 1, "charge good": 1}


def test_a_person_is_asked_and_decides(ran: Counter[str]) -> None:
    @omium.step(recovery=["ask"])
    def send() -> str:
        ran["send"] += 1
        if ran["send"] < 3:
            raise ConnectionError("no line")
        return "sent"

    @omium.workflow
    def mail() -> str:
        return send()

    run = mail.options(id="m").start()
    assert run.status == "waiting"
    assert "send failed: ConnectionError: no line" in run.questions()[0].text
    run.answer("retry").resume()
    assert (run.status, ran["send"]) == ("waiting", 2)
    run.answer("retry").resume()
    assert (run.result(), ran["send"]) == ("sent", 3)
    assert run.replay().diverged_at is None

    ran.clear()
    other = mail.options(id="n").start()
    other.answer({"value": "by hand"}).resume()
    assert (other.result(), ran["send"]) == ("by hand", 1)

    ran.clear()
    third = mail.options(id="o").start()
    third.answer("fail")
    with pytest.raises(ConnectionError):
        third.resume()
    assert (third.status, ran["send"]) == ("failed", 1)


def test_retries_come_first(ran: Counter[str]) -> None:
    @omium.step(recovery=omium.Recovery(retry=omium.Retry(times=2, first=0), rollback="plan"))
    def write() -> str:
        ran["write"] += 1
        if ran["write"] < 3:
            raise TimeoutError
        return "done"

    with omium.execution("r") as run:
        assert write() == "done"
    assert run.failures() == []


def test_a_block_goes_back_and_says_so(ran: Counter[str]) -> None:
    told: list[Any] = []
    research = planner(ran, told, recovery=["rollback:plan"])

    def block() -> Any:
        with omium.execution("block"):
            return research()

    with pytest.raises(omium.RolledBack, match="run the program again"):
        block()
    assert omium.get("block").status == "ready"
    assert block() == "GOOD"
    assert ran == {"search": 1, "plan": 2, "inner": 2, "write": 2} or ran["plan"] == 2


def test_a_workflow_recovers_from_what_no_step_dealt_with(ran: Counter[str]) -> None:
    @omium.step
    def plan() -> str:
        ran["plan"] += 1
        return "good" if omium.failure() else "bad"

    @omium.step
    def write(plan: str) -> str:
        ran["write"] += 1
        if ran["write"] == 1:
            raise ConnectionError
        return plan

    ladder = omium.Recovery(retry=omium.Retry(times=1, first=0), rollback="plan")

    @omium.workflow(postconditions=["result == 'good'"], recovery=ladder)
    def research() -> str:
        return write(plan())

    run = research.options(id="r").start()
    assert run.result() == "good"
    assert [each.recovery for each in run.failures()] == [None, "retry", "rollback:plan"]
    assert ran == {"plan": 2, "write": 3}
    assert run.replay().diverged_at is None


def test_a_workflow_asks() -> None:
    @omium.workflow(recovery=["ask"])
    def work() -> str:
        raise ConnectionError("no line")

    run = work.options(id="w").start()
    assert run.status == "waiting"
    run.resume()
    assert run.status == "waiting"
    run.answer({"value": "by hand"}).resume()
    assert run.result() == "by hand"


def test_only_the_named_failures_are_dealt_with(ran: Counter[str]) -> None:
    @omium.step(recovery=omium.Recovery(ask=True, on=(ConnectionError,)))
    def work() -> str:
        raise ValueError("never")

    with pytest.raises(ValueError, match="never"), omium.execution("r"):
        work()
    assert omium.get("r").status == "failed"


def test_failures_are_named_by_their_types_too(ran: Counter[str]) -> None:
    @omium.step(recovery=omium.Recovery(ask=True, on="timeout"))
    def slow() -> str:
        raise TimeoutError("too slow")

    @omium.step(recovery=omium.Recovery(ask=True, on=("rate_limit", "provider_error")))
    def broken() -> str:
        raise TimeoutError("too slow")

    @omium.workflow
    def work(step: str) -> str:
        return slow() if step == "slow" else broken()

    assert work.options(id="a").start("slow").status == "waiting"
    with pytest.raises(TimeoutError, match="too slow"):
        work.options(id="b").start("broken")


def test_space_around_the_name_of_a_step_is_not_part_of_it() -> None:
    @omium.step
    def plan() -> str:
        return "good" if omium.failure() else "bad"

    @omium.step(postconditions=["result == 'good'"], recovery=["rollback: plan"])
    def write(plan: str) -> str:
        return plan

    @omium.workflow
    def research() -> str:
        return write(plan())

    assert research.options(id="r").start().result() == "good"


@pytest.mark.parametrize(
    "policy",
    [
        ["again"],
        ["ask", "retry"],
        ["rollback:plan", "retry"],
        ["fail", "ask"],
        ["rollback:"],
        ["rollback: "],
        omium.Recovery(rollback=" plan"),
        omium.Recovery(rollback=5),  # type: ignore[arg-type]
        omium.Recovery(rollback="plan", rollbacks=True),
        omium.Recovery(rollbacks=2),
        omium.Recovery(retry=3),  # type: ignore[arg-type]
        omium.Recovery(retry=omium.Retry(times="3")),  # type: ignore[arg-type]
        omium.Recovery(ask="yes"),  # type: ignore[arg-type]
        omium.Recovery(ask=True, on="timeot"),  # type: ignore[arg-type]
        omium.Recovery(ask=True, on=()),
        omium.Recovery(ask=True, on=(KeyboardInterrupt,)),  # type: ignore[arg-type]
        omium.Recovery(ask=True, on="budget"),
        "ask",
        [3],
        ["retry"] * 2,
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(policy: Any) -> None:
    for decorator in (omium.step, omium.workflow):
        with pytest.raises(omium.InvalidInput):
            decorator(recovery=policy)
