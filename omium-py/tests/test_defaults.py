"""An argument that equals its default counts as not given: parameters with defaults come and go under a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import omium
from omium import Divergence

Verb = Callable[..., Any]


def interrupted(program: Callable[[], Any]) -> None:
    def stops() -> None:
        program()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), omium.execution("x"):
        stops()


@pytest.mark.parametrize("verb", [omium.step, omium.effect])
@pytest.mark.parametrize(
    "default", [3, "plain", None, 1.5, [1, {"a": [2]}], (1, "a"), {"deep": {1, 2}}, b"x"], ids=lambda each: str(each)
)
def test_a_parameter_with_a_default_comes_and_goes(verb: Verb, default: Any, ran: Counter[str]) -> None:
    import copy

    @verb(name="work")
    def before(topic: str) -> str:
        ran["work"] += 1
        return topic

    @verb(name="work")
    def after(topic: str, extra: Any = default, *, more: Any = default, **rest: Any) -> str:
        ran["work"] += 1
        return topic

    given = copy.deepcopy(default)
    calls: list[Callable[[], Any]] = [
        lambda: before("a"),
        lambda: after("a"),
        lambda: after("a", given),
        lambda: after("a", more=given, extra=default),
    ]
    interrupted(calls[0])
    for call in calls:
        interrupted(call)
    assert ran == {"work": 1}


@pytest.mark.parametrize(
    ("default", "given"), [(1, True), (1, 1.0), (0.0, -0.0), (None, False), ("", b""), ([1], (1,)), ([1], [1.0])]
)
def test_what_only_looks_like_the_default_is_another_argument(default: Any, given: Any) -> None:
    @omium.step
    def work(n: Any = default) -> None: ...

    interrupted(work)
    with pytest.raises(Divergence), omium.execution("x"):
        work(given)


def test_another_default_is_another_call_only_where_it_is_given() -> None:
    def made(default: int) -> Callable[..., int]:
        @omium.step(name="work")
        def work(topic: str, limit: int = default) -> int:
            return limit

        return work

    interrupted(lambda: made(3)("a"))
    with omium.execution("x"):
        assert made(5)("a") == 3
    with pytest.raises(Divergence) as caught, omium.execution("x"):
        made(5)("a", 3)
    assert caught.value.diff == ("+ limit: 3",)


def test_a_key_may_name_it_too(ran: Counter[str]) -> None:
    @omium.step(name="work", key="order")
    def before(order: str) -> None:
        ran["work"] += 1

    @omium.step(name="work", key=["order", "part"])
    def after(order: str, part: int = 0) -> None:
        ran["work"] += 1

    interrupted(lambda: before("a"))
    interrupted(lambda: after("a"))
    interrupted(lambda: after("a", 0))
    assert ran == {"work": 1}
    with pytest.raises(Divergence), omium.execution("x"):
        after("a", 1)


@pytest.mark.parametrize("cut", [False, True], ids=["receipt", "intent"])
def test_a_divergence_of_an_effect_shows_what_counts_and_no_default(cut: bool) -> None:
    @omium.effect
    def mail(to: str, text: str = "hello", copies: int = 1) -> None:
        if cut:
            raise KeyboardInterrupt

    interrupted(lambda: mail("ann", copies=3))
    with pytest.raises(Divergence) as caught, omium.execution("x"):
        mail("ann", "hello", 2)
    assert caught.value.diff == ("~ copies: 3 → 2",)
    with pytest.raises(Divergence) as caught, omium.execution("x"):
        mail("ann")
    assert caught.value.diff == ("- copies: 3",)


def test_undo_gets_the_defaults_of_the_call_and_lives_with_a_parameter_that_went(ran: Counter[str]) -> None:
    undone: list[Any] = []

    def made(with_extra: bool) -> Callable[..., Any]:
        if with_extra:

            @omium.effect(name="book", undo=lambda *given, receipt: undone.append((given, receipt)))
            def book(hotel: str, nights: int = 2, notify: bool = False) -> str:
                return "r1"
        else:

            @omium.effect(name="book", undo=lambda *given, receipt: undone.append((given, receipt)))
            def book(hotel: str, nights: int = 5) -> str:  # type: ignore[misc]
                return "r1"

        return book

    interrupted(lambda: made(True)("h"))
    made(False)
    omium.get("x").rollback(0)
    assert undone == [(("h", 2), "r1")]


def test_a_workflow_gains_a_parameter(ran: Counter[str]) -> None:
    @omium.workflow(name="research")
    def before(topic: str) -> str:
        ran["before"] += 1
        raise KeyboardInterrupt

    @omium.workflow(name="research")
    def after(topic: str, style: str = "plain", depths: list[int] = [1]) -> str:  # noqa: B006
        return f"{topic} {style} {depths}"

    with pytest.raises(KeyboardInterrupt):
        before.options(id="w").start("a")
    assert after.options(id="w").start("a", "plain", [1]).result() == "a plain [1]"
