"""A workflow: a durable call, an id of one's choosing, and what happens when it is used again."""

from __future__ import annotations

import inspect
import pickle
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

import omium
from omium import Divergence, InvalidInput, LeaseHeld, NotFinished, NotSerializable, RecordedFailure


@omium.step
def double(n: int) -> int:
    return n * 2


@omium.workflow
def twice(n: int, times: int = 2) -> int:
    """Doubles again and again."""
    for _ in range(times):
        n = double(n)
    return n


def test_a_plain_call_is_a_durable_call_with_a_made_id() -> None:
    assert twice(3) == 12
    (run,) = omium.executions()
    assert run.id.startswith("twice-")
    assert (run.workflow, run.status, run.result(), run.head) == ("twice", "completed", 12, 2)
    assert twice(3) == 12
    assert len(omium.executions()) == 2


def test_it_keeps_what_frameworks_read() -> None:
    assert (twice.__name__, twice.__doc__, twice.__module__) == ("twice", "Doubles again and again.", __name__)
    assert str(inspect.signature(twice)) == "(n: 'int', times: 'int' = 2) -> 'int'"
    assert pickle.loads(pickle.dumps(twice)) is twice
    assert repr(twice) == "<workflow twice>"


def test_a_finished_id_returns_the_record_and_runs_nothing(ran: Counter[str]) -> None:
    @omium.workflow
    def count() -> int:
        ran["count"] += 1
        return ran["count"]

    assert count.options(id="c").start().result() == 1
    assert count.options(id="c").start().result() == 1
    assert count.options(id="c")() == 1
    assert omium.get("c").resume().result() == 1
    assert ran["count"] == 1


def test_an_unfinished_id_is_resumed(ran: Counter[str]) -> None:
    @omium.step
    def work(n: int) -> int:
        ran["work"] += 1
        return n

    @omium.workflow
    def stops() -> int:
        total = work(1)
        ran["starts"] += 1
        if ran["starts"] == 1:
            raise KeyboardInterrupt
        return total + work(2)

    with pytest.raises(KeyboardInterrupt):
        stops.options(id="s").start()
    run = omium.get("s")
    assert (run.status, run.orphaned) == ("ready", False)
    with pytest.raises(NotFinished, match="resume it"):
        run.result()
    assert stops.options(id="s").start().result() == 3
    assert ran == {"work": 2, "starts": 2}


def test_a_failure_is_recorded_and_passes_through_unchanged(ran: Counter[str]) -> None:
    class Broken(Exception):
        pass

    error = Broken("first time")

    @omium.workflow
    def fails() -> str:
        ran["fails"] += 1
        if ran["fails"] == 1:
            raise error
        return "fine"

    with pytest.raises(Broken) as caught:
        fails.options(id="f").start()
    assert caught.value is error
    run = omium.get("f")
    assert run.status == "failed"
    with pytest.raises(RecordedFailure, match=r"'f' failed: .*Broken: first time"):
        run.result()
    assert run.resume().result() == "fine"
    assert run.status == "completed"
    assert run.error is None


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interruption_from_outside_is_no_failure(stop: type[BaseException]) -> None:
    @omium.workflow
    def interrupted() -> None:
        raise stop

    with pytest.raises(stop):
        interrupted.options(id="i").start()
    assert omium.get("i").status == "ready"


def test_the_same_id_with_other_arguments_is_refused_before_anything_runs() -> None:
    twice.options(id="t").start(3)
    assert twice.options(id="t").start(3, times=2).result() == 12
    assert twice.options(id="t").start(n=3).result() == 12
    with pytest.raises(Divergence) as caught:
        twice.options(id="t").start(4)
    finished, *others = str(caught.value).splitlines()
    assert finished.startswith("execution 't' is finished: it completed at ")
    assert others == [
        "execution 't' was begun with other arguments: give the same ones, or another id",
        "~ n: 3 → 4",
    ]


def test_arguments_are_recorded_and_given_again(ran: Counter[str]) -> None:
    @omium.workflow
    def many(a: int, /, b: tuple[int, ...], *rest: int, c: set[str], **more: Any) -> Any:
        ran["many"] += 1
        if ran["many"] == 1:
            raise ConnectionError
        return (a, b, rest, c, more)

    with pytest.raises(ConnectionError):
        many.options(id="m").start(1, (2, 3), 4, 5, c={"x"}, d=None)
    assert omium.get("m").resume().result() == (1, (2, 3), (4, 5), {"x"}, {"d": None})


def test_arguments_that_cannot_be_recorded_are_refused_at_the_start() -> None:
    with pytest.raises(NotSerializable, match=r"\$\.n"):
        twice(object())  # type: ignore[arg-type]
    assert omium.executions() == []


def test_a_result_that_cannot_be_recorded_fails_the_run() -> None:
    @omium.workflow
    def bad() -> Any:
        return [object()]

    with pytest.raises(NotSerializable, match=r"\$\[0\]"):
        bad.options(id="b").start()
    assert omium.get("b").status == "failed"


def test_called_inside_an_execution_it_is_a_step_with_a_scope(ran: Counter[str]) -> None:
    @omium.workflow
    def outer() -> int:
        value = twice(1) + twice(1)
        ran["outer"] += 1
        if ran["outer"] == 1:
            raise KeyboardInterrupt
        return value

    with pytest.raises(KeyboardInterrupt):
        outer.options(id="o").start()
    run = outer.options(id="o").start()
    assert run.result() == 8
    assert [each.name for each in run.checkpoints()] == ["double", "double", "twice"] * 2
    assert len(omium.executions()) == 1


def test_started_inside_an_execution_it_is_an_execution_of_its_own(ran: Counter[str]) -> None:
    @omium.workflow
    def outer() -> int:
        named = twice.options(id="child").start(1)
        made = twice.start(2)
        ran["outer"] += 1
        if ran["outer"] == 1:
            raise KeyboardInterrupt
        return named.result() + made.result()

    with pytest.raises(KeyboardInterrupt):
        outer.options(id="o").start()
    assert outer.options(id="o").start().result() == 4 + 8
    assert len(omium.executions(workflow="twice")) == 2


def test_two_runs_of_one_execution_at_a_time_are_refused() -> None:
    @omium.workflow
    def again() -> None:
        again.options(id="a").start()

    with pytest.raises(LeaseHeld) as caught:
        again.options(id="a").start()
    assert caught.value.owner is not None


def test_the_version_of_the_code() -> None:
    def code() -> int:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        omium.workflow(version="1", name="code")(code).options(id="v").start()
    newer = omium.workflow(version="2", name="code")(lambda: 5)
    with pytest.raises(Divergence, match=r"begun by version 1 of 'code' and this is version 2"):
        newer.options(id="v").start()
    same = omium.workflow(version="1", name="code")(lambda: 6)
    assert same.options(id="v").start().result() == 6
    assert newer.options(id="v").start().result() == 6


def test_a_function_that_no_longer_takes_the_recorded_arguments(ran: Counter[str]) -> None:
    def code(topic: str) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        omium.workflow(name="code")(code).options(id="x").start("a")

    @omium.workflow(name="code")
    def renamed(subject: str) -> None:
        ran["renamed"] += 1

    with pytest.raises(Divergence, match="does not take the arguments of execution 'x' any more: topic"):
        omium.get("x").resume()
    assert not ran


def test_code_that_is_not_loaded_is_named() -> None:
    with omium.execution("loose"):
        pass
    with pytest.raises(InvalidInput, match="no workflow 'execution' is loaded here"):
        omium.get("loose").replay()

    from omium.runtime import _registry

    with pytest.raises(ConnectionError):
        failing.options(id="x").start()
    known = dict(_registry._workflows)
    try:
        _registry._workflows.clear()
        with pytest.raises(InvalidInput, match=f"import {__name__}:failing first"):
            omium.get("x").resume()
    finally:
        _registry._workflows.update(known)


@omium.workflow
def failing() -> None:
    raise ConnectionError


@dataclass
class Shop:
    rate: int

    @omium.workflow
    def price(self, amount: int) -> int:
        return double(amount) * self.rate


def test_a_method_can_be_a_workflow() -> None:
    assert Shop(3).price(2) == 12
    run = Shop(3).price.options(id="p").start(2)
    assert run.result() == 12
    assert run.workflow == "Shop.price"
    run.rollback(to=0)
    assert omium.get("p").resume().result() == 12


def test_pickle_for_a_whole_workflow() -> None:
    @omium.workflow(codec="pickle")
    def objects() -> Any:
        return {"f": double}

    run = objects.options(id="o").start()
    assert run.result() == {"f": double}
    with pytest.raises(InvalidInput, match="pickle"):
        omium.get("o").result()


def test_executions_are_found_by_workflow_and_status() -> None:
    twice.options(id="a").start(1)
    with pytest.raises(ConnectionError):
        failing.options(id="b").start()
    with pytest.raises(KeyboardInterrupt), omium.execution("c", workflow="loose"):
        raise KeyboardInterrupt
    assert [run.id for run in omium.executions()] == ["c", "b", "a"]
    assert [run.id for run in omium.executions(limit=2)] == ["c", "b"]
    assert [run.id for run in omium.executions(status="failed")] == ["b"]
    assert [run.id for run in omium.executions(status="ready")] == ["c"]
    assert [run.id for run in omium.executions(workflow="twice")] == ["a"]
    with pytest.raises(omium.ExecutionNotFound, match="nobody"):
        omium.get("nobody")
