"""Conditions: what they may be, what they are given, and how a mistake in one is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

import numpy
import pydantic
import pytest

import omium


@dataclass
class Quote:
    total: Decimal
    currency: str = "EUR"


class Colour(Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


class Model(pydantic.BaseModel):
    tags: list[str]


def holds(condition: Any, value: Any) -> bool:
    """Whether a step with that postcondition is recorded as done."""

    @omium.step(postconditions=[condition])
    def make(n: int = 3) -> Any:
        return value

    with omium.execution("conditions") as run:
        try:
            make()
        except omium.PostconditionFailed:
            return False
    assert [each.status for each in run.checkpoints()] == ["done"]
    return True


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ("size(result) > 0", [1], True),
        ("size(result) > 0", [], False),
        ("result.total > 0 && result.currency == 'EUR'", Quote(Decimal("1.5")), True),
        ("result.total > 0", Quote(Decimal(0)), False),
        ("result == 'red'", Colour.RED, True),
        ("result.x == 1 && result.y == 2", Point(1, 2), True),
        ("result.tags.all(t, size(t) == 1)", Model(tags=["a", "b"]), True),
        ("result.tags.all(t, size(t) == 1)", Model(tags=["a", "bc"]), False),
        ("result == n && args.n == 3", 3, True),
        ("result.missing == 1", {"a": 1}, False),
        ("result > 1", "text", False),
        ("result == null", None, True),
        (bool, [0], True),
        (bool, [], False),
        (lambda result: result == 3, 3, True),
        (lambda result: None, 3, False),
        (lambda result: "too small", 3, False),
        (lambda result, n: result == n, 3, True),
        (lambda result, **arguments: arguments == {"n": 3}, 3, True),
        (lambda result: 1 / 0, 3, False),
        ({"type": "array", "items": {"type": "integer"}}, [1, 2], True),
        ({"type": "array", "items": {"type": "integer"}}, [1, "2"], False),
        ({"required": ["total"]}, Quote(Decimal(1)), True),
        ({"type": "number"}, float("nan"), False),
    ],
)
def test_a_result_is_recorded_only_when_it_holds(condition: Any, value: Any, expected: bool) -> None:
    assert holds(condition, value) is expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("size(result", "line 1, column 12: missing ')' at the end"),
        ("reslut > 0", "refers to 'reslut', which is not there: it can use args, n, result"),
        ({"type": "objekt"}, "no JSON Schema"),
        ({"$ref": "https://example.com/schema.json"}, "Retrieval is disabled"),
        (3, "a function, a CEL expression or a JSON Schema, not a int"),
    ],
)
def test_a_mistake_is_found_when_the_function_is_decorated(condition: Any, message: str) -> None:
    def make(n: int) -> int:
        return n

    with pytest.raises(omium.InvalidInput, match=message.replace("(", r"\(").replace(")", r"\)").replace("'", ".")):
        omium.step(postconditions=[condition])(make)


def test_a_precondition_keeps_the_body_from_running(ran: Counter[str]) -> None:
    @omium.step(preconditions=["amount > 0", lambda amount: amount < 100])
    def charge(amount: int) -> int:
        ran["charge"] += 1
        return amount

    with omium.execution("order"):
        assert charge(5) == 5
        with pytest.raises(omium.PreconditionFailed) as caught:
            charge(0)
        with pytest.raises(omium.PreconditionFailed):
            charge(100)
    assert ran["charge"] == 1
    assert caught.value.condition == "amount > 0"
    assert str(caught.value) == "charge: precondition 'amount > 0' does not hold; args = {'amount': 0}"


def test_a_failed_check_says_what_is_wrong_and_where() -> None:
    schema = {"title": "Offer", "properties": {"items": {"items": {"properties": {"price": {"minimum": 1}}}}}}

    @omium.step(postconditions=[schema])
    def offer() -> dict[str, Any]:
        return {"items": [{"price": 3}, {"price": 0}], "api_key": "sk-0123456789abcdefghij"}

    with omium.execution("offer") as run, pytest.raises(omium.PostconditionFailed) as caught:
        offer()
    error = caught.value
    assert (error.step, error.condition, error.path, error.preview) == (
        "offer",
        "JSON Schema Offer",
        "result.items[1].price",
        "0",
    )
    assert error.reason == "0 is less than the minimum of 1"
    (failure,) = run.failures()
    assert (failure.type, failure.step, failure.condition, failure.path) == (
        "failed_check",
        "offer",
        "JSON Schema Offer",
        "result.items[1].price",
    )


def test_a_failed_attempt_is_made_again_and_told_why() -> None:
    told: list[Any] = []

    @omium.step(retries=omium.Retry(times=2, first=0), postconditions=["size(result) == 3"])
    def write() -> str:
        why = omium.failure()
        told.append(why and why.message)
        return "x" * len(told)

    with omium.execution("write") as run:
        assert write() == "xxx"
    assert told[0] is None
    assert told[1] == "write: postcondition 'size(result) == 3' does not hold; result = 'x'"
    assert [each.attempts for each in run.checkpoints()] == [3]
    assert omium.failure() is None


async def test_async_steps_and_async_conditions() -> None:
    async def plausible(text: str) -> bool:
        return text == "good"

    @omium.step(postconditions=[plausible, "size(result) == 4"])
    async def write(text: str) -> str:
        return text

    async with omium.execution("async"):
        assert await write("good") == "good"
        with pytest.raises(omium.PostconditionFailed, match="plausible does not hold"):
            await write("evil")

    with pytest.raises(omium.InvalidInput, match="plausible is async and make is not"):

        @omium.step(postconditions=[plausible])
        def make() -> str:
            return ""


def test_outside_an_execution_a_step_stays_a_plain_function() -> None:
    @omium.step(preconditions=["n > 0"], postconditions=["result > 0"])
    def same(n: int) -> int:
        return n

    assert same(-1) == -1


def test_a_workflow_has_conditions_of_its_own() -> None:
    @omium.workflow(preconditions=["n > 0"], postconditions=["result < 10"])
    def double(n: int) -> int:
        return 2 * n

    assert double(2) == 4
    with pytest.raises(omium.PreconditionFailed):
        double.options(id="none").start(0)
    with pytest.raises(omium.PostconditionFailed, match="result < 10"):
        double.options(id="many").start(5)
    assert omium.get("many").status == "failed"
    (failure,) = omium.get("many").failures()
    assert (failure.type, failure.step) == ("failed_check", None)


def test_an_effect_that_fails_its_postcondition_has_happened(ran: Counter[str]) -> None:
    def undo(receipt: Any) -> None:
        ran["undone", receipt] += 1

    @omium.effect(undo=undo, postconditions=["result == 'fine'"], retries=3)
    def charge() -> str:
        ran["charge"] += 1
        return "odd"

    @omium.workflow
    def order() -> str:
        return charge()

    handle = order.options(id="order")
    for _ in range(2):
        with pytest.raises(omium.PostconditionFailed, match="result == 'fine'"):
            handle.start()
    assert ran["charge"] == 1, "neither its retries nor a resume repeat it"
    run = omium.get("order")
    assert [(each.name, each.state) for each in run.effects()] == [("charge", "done")]
    run.rollback(to=0)
    assert ran["undone", "odd"] == 1


def test_an_effect_with_a_failed_precondition_leaves_no_intent(ran: Counter[str]) -> None:
    @omium.effect(preconditions=["cents > 0"])
    def charge(cents: int) -> str:
        ran["charge"] += 1
        return "done"

    with omium.execution("order") as run:
        with pytest.raises(omium.PreconditionFailed):
            charge(0)
        assert run.effects() == []
    assert not ran


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def own() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


async def later(result: Any) -> bool:
    return bool(result)


@pytest.mark.parametrize(
    ("condition", "value", "reason"),
    [
        ("size(result) > 0", "\ud800", "surrogates not allowed"),
        ("size(result) > 0", {(1, 2): 3}, "a key that is a tuple"),
        ("size(result) > 0", {None: 3}, "CEL has no word for a key"),
        ("size(result) > 0", nested(50_000), "nested too deeply"),
        ({"type": "array"}, own(), "within itself"),
        ("result > 0", object(), "no plain form"),
        ("result > 0", 1j, "no plain form"),
        ("nosuch(result)", 1, "nosuch"),
        ("result / 0 > 1", 1, "Division by zero"),
        ("result * result > 1", 2**62, "Overflow"),
        ("result.matches('(')", "a", "unclosed group"),
        ("result", 1, "not true or false"),
        (lambda result: later(result), 1, "returned an awaitable"),
        (lambda result: result > 0, numpy.array([1, 2]), "ambiguous"),
    ],
)
def test_a_value_a_condition_cannot_judge_has_not_passed_it(condition: Any, value: Any, reason: str) -> None:
    @omium.step(postconditions=[condition], codec="pickle")
    def work() -> Any:
        return value

    with pytest.raises(omium.PostconditionFailed, match=reason), omium.execution("r"):
        work()
    (failure,) = omium.get("r").failures()
    assert failure.type == "failed_check"


def deep_schema() -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(3000):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("result > 0" + " && result > 0" * 20_000, "too long"),
        ("", "is no CEL expression"),
        (deep_schema(), "nested too deeply"),
        ({"$ref": "https://example.com/schema.json"}, "Retrieval is disabled"),
        ({"pattern": "("}, "is not a"),
        (lambda result, topik: bool(result), "has a parameter 'topik'"),
        (lambda: True, None),
        (lambda result, topic, style="plain": bool(result), None),
        (lambda result, **others: bool(result), None),
    ],
)
def test_hostile_conditions_are_refused_at_once(condition: Any, message: str | None) -> None:
    def work(topic: str) -> str:
        return topic

    if message is None:
        omium.step(postconditions=[condition])(work)
        return
    with pytest.raises(omium.InvalidInput, match=message):
        omium.step(postconditions=[condition])(work)


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("result > 1.0", numpy.float32(2.5)),
        ("result == 2", numpy.int64(2)),
        ("size(result) == 3 && result[0] == 1", numpy.array([1, 2, 3])),
        ("result == 5", numpy.array(5)),
        (lambda result: numpy.bool_(result > 1), 2),
        ("size(result) == 1000000", list(range(10**6))),
        ({"type": "array", "items": {"type": "integer"}}, numpy.arange(3)),
        ("true", object()),
    ],
)
def test_results_that_are_not_plain_are_judged(condition: Any, value: Any) -> None:
    @omium.step(postconditions=[condition], codec="pickle")
    def work() -> Any:
        return value

    with omium.execution("r"):
        work()
    assert omium.get("r").status == "completed"
