"""A step runs at most once per record, and is a plain function everywhere else."""

from __future__ import annotations

import contextvars
import inspect
import sys
import typing
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

import omium
from omium import InvalidInput, NotSerializable


@omium.step
def search(topic: str, limit: int = 3, *more: str, deep: bool = False, **options: Any) -> list[str]:
    """Finds sources."""
    return [topic] * limit


def test_outside_an_execution_a_step_is_a_plain_function(ran: Counter[str]) -> None:
    @omium.step(retries=5, timeout=0.001)
    def fails() -> None:
        ran["fails"] += 1
        raise LookupError

    with pytest.raises(LookupError):
        fails()
    assert ran["fails"] == 1
    assert search("a") == ["a", "a", "a"]
    assert omium.executions() == []


def test_it_keeps_what_frameworks_read() -> None:
    assert search.__name__ == "search"
    assert search.__doc__ == "Finds sources."
    assert search.__module__ == __name__
    assert str(inspect.signature(search)) == (
        "(topic: 'str', limit: 'int' = 3, *more: 'str', deep: 'bool' = False, **options: 'Any') -> 'list[str]'"
    )
    assert typing.get_type_hints(search)["return"] == list[str]
    assert inspect.isfunction(search)
    assert not inspect.iscoroutinefunction(search)

    @omium.step
    async def later() -> None: ...

    assert inspect.iscoroutinefunction(later)


def test_a_recorded_step_does_not_run_again(ran: Counter[str]) -> None:
    @omium.step
    def work(n: int) -> dict[str, Any]:
        ran["work"] += 1
        return {"n": n, "pair": (n, n)}

    for _ in range(3):
        with omium.execution("once") as run:
            assert work(1) == {"n": 1, "pair": (1, 1)}
            assert work(2)["n"] == 2
            assert work(1) == {"n": 1, "pair": (1, 1)}
    assert ran["work"] == 3
    assert [each.seq for each in run.checkpoints()] == [1, 2, 3]


def test_checkpoints_say_what_ran() -> None:
    with omium.execution("facts") as run:
        search("a", 2)
    (entry,) = run.checkpoints()
    assert (entry.seq, entry.name, entry.kind, entry.status, entry.attempts) == (1, "search", "step", "done", 1)
    assert entry.value == ["a", "a"]
    assert entry.size_bytes > 0
    assert entry.created.tzinfo is not None
    assert repr(entry) == "<Entry facts@1 step search done>"


def test_equal_arguments_are_one_address_however_they_are_passed(ran: Counter[str]) -> None:
    @omium.step
    def work(a: int, b: int = 2) -> int:
        ran["work"] += 1
        return a + b

    def stops() -> None:
        work(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), omium.execution("x"):
        stops()
    with omium.execution("x"):
        work(b=2, a=1)
    assert ran["work"] == 1


def test_wrong_arguments_are_a_type_error_as_ever() -> None:
    with omium.execution("x") as run, pytest.raises(TypeError):
        search()  # type: ignore[call-arg]
    assert run.checkpoints() == []


@dataclass
class Counter2:
    start: int

    @omium.step
    def add(self, n: int) -> int:
        return self.start + n


class Client:
    calls = 0

    @omium.step
    def ask(self, question: str) -> str:
        Client.calls += 1
        return question.upper()

    @omium.step
    @classmethod
    def of_class(cls, n: int) -> int:
        Client.calls += 1
        return n

    @staticmethod
    @omium.step(name="static")
    def of_nothing(n: int) -> int:
        Client.calls += 1
        return n


def test_methods_are_steps_and_a_client_counts_as_its_type() -> None:
    Client.calls = 0
    for _ in range(2):
        with omium.execution("m") as run:
            assert Client().ask("a") == "A"
            assert Client.of_class(3) == 3
            assert Client().of_nothing(4) == 4
            assert Counter2(5).add(1) == 6
            assert Counter2(6).add(1) == 7
    assert Client.calls == 3
    assert [each.name for each in run.checkpoints()] == [
        "Client.ask",
        "Client.of_class",
        "static",
        "Counter2.add",
        "Counter2.add",
    ]


def test_callable_objects_and_partials() -> None:
    class Doubler:
        def __call__(self, n: int) -> int:
            return n * 2

    double = omium.step(Doubler())
    part = omium.step(name="part")(partial(search, "z"))
    with omium.execution("x") as run:
        assert double(4) == 8
        assert part(1) == ["z"]
    assert [each.name for each in run.checkpoints()] == ["Doubler", "search", "part"]


def test_key_names_what_identifies_a_call(ran: Counter[str]) -> None:
    @omium.step(key="order_id")
    def by_name(order_id: str, stamp: float) -> float:
        ran["by_name"] += 1
        return stamp

    @omium.step(key=lambda order, stamp: order["id"])
    def by_function(order: dict[str, Any], stamp: float) -> float:
        ran["by_function"] += 1
        return stamp

    assert by_function({}, 3.0) == 3.0
    ran.clear()

    for stamp in (1.0, 2.0):
        with omium.execution("x"):
            assert by_name("a", stamp) == 1.0
            assert by_function({"id": 1}, stamp) == 1.0
    assert ran == {"by_name": 1, "by_function": 1}


@pytest.mark.parametrize("verb", [omium.step, omium.effect, partial(omium.checkpoint, "name")])
def test_a_misspelt_key_is_refused_where_it_is_written(verb: Any) -> None:
    def wrong(a: int) -> int:
        return a

    for key in ("nowhere", ["a", "nowhere"], ("nowhere",)):
        with pytest.raises(InvalidInput, match=r"'nowhere', which is no parameter of .*wrong; its parameters are a$"):
            verb(key=key)(wrong)
    assert verb(key="a")(wrong)(1) == 1


@pytest.mark.filterwarnings("ignore::omium.ArgumentsChanged")
def test_arguments_are_those_at_the_call(ran: Counter[str]) -> None:
    @omium.step
    def grow(items: list[int]) -> int:
        ran["grow"] += 1
        items.append(1)
        return len(items)

    for _ in range(2):
        with omium.execution("x"):
            assert grow([1]) == 2
    assert ran["grow"] == 1


def test_a_nested_step_is_recorded_in_the_scope_of_the_outer_one(ran: Counter[str]) -> None:
    @omium.step
    def inner(n: int) -> int:
        ran["inner"] += 1
        return n

    @omium.step
    def outer(n: int) -> int:
        ran["outer"] += 1
        value = inner(n) + inner(n)
        if ran["outer"] == 1:
            raise KeyboardInterrupt
        return value

    with pytest.raises(KeyboardInterrupt), omium.execution("x"):
        outer(1)
    with omium.execution("x") as run:
        assert outer(1) == 2
    assert ran == {"outer": 2, "inner": 2}
    entries = run.checkpoints()
    assert [each.name for each in entries] == ["inner", "inner", "outer"]
    assert entries[0].scope == entries[1].scope != entries[2].scope == ""


def test_a_handled_failure_is_raised_again_and_not_run_again(ran: Counter[str]) -> None:
    @omium.step
    def fails(n: int) -> None:
        ran["fails"] += 1
        raise LookupError("gone", n)

    @omium.step
    def instead() -> None:
        ran["instead"] += 1

    @omium.step
    def after() -> str:
        ran["after"] += 1
        if ran["after"] == 1:
            raise KeyboardInterrupt
        return "done"

    def program() -> tuple[Any, ...]:
        try:
            fails(1)
        except LookupError as error:
            caught = error.args
        instead()
        after()
        return caught

    with pytest.raises(KeyboardInterrupt), omium.execution("x"):
        program()
    with omium.execution("x"):
        assert program() == ("gone", 1)
    assert ran == {"fails": 1, "instead": 1, "after": 2}


def test_the_failure_that_ended_the_run_is_tried_again(ran: Counter[str]) -> None:
    @omium.step
    def flaky() -> str:
        ran["flaky"] += 1
        if ran["flaky"] == 1:
            raise ConnectionError("down")
        return "up"

    with pytest.raises(ConnectionError, match="down"), omium.execution("x") as run:
        flaky()
    assert run.status == "failed"
    assert run.error == "ConnectionError: down"
    with omium.execution("x"):
        assert flaky() == "up"
    assert run.status == "completed"


def itself(error: Exception) -> None:
    raise error


def cause(error: Exception) -> None:
    raise RuntimeError("a consequence") from error


def context(error: Exception) -> None:
    try:
        raise error
    except ConnectionError:
        raise RuntimeError("a consequence")  # noqa: B904


def group(error: Exception) -> None:
    if sys.version_info < (3, 11):
        raise error
    raise ExceptionGroup("several", [ValueError("another"), ExceptionGroup("inner", [error])])  # noqa: F821


@pytest.mark.parametrize("ends", [itself, cause, context, group])
def test_a_failure_that_ended_the_run_is_tried_again_though_others_went_on(
    ends: Callable[[Exception], None], ran: Counter[str]
) -> None:
    """Threads went on recording after it; it is known by the exception that ended the run."""

    @omium.step
    def work(n: int) -> int:
        ran[f"work {n}"] += 1
        if n == 0 and ran["work 0"] == 1:
            raise ConnectionError("down")
        return n

    def program() -> list[int]:
        with omium.execution("x"):
            contexts = [contextvars.copy_context() for _ in range(4)]
            with ThreadPoolExecutor(1) as pool:
                futures = [pool.submit(contexts[n].run, work, n) for n in range(4)]
            error = futures[0].exception()
            if isinstance(error, ConnectionError):
                ends(error)
            return [future.result() for future in futures]

    with pytest.raises(Exception):  # noqa: B017, PT011
        program()
    assert program() == [0, 1, 2, 3]
    assert ran == {"work 0": 2, "work 1": 1, "work 2": 1, "work 3": 1}


def test_the_note_of_its_entry_does_not_get_into_the_record() -> None:
    @omium.step
    def inner() -> None:
        raise LookupError("gone")

    @omium.step
    def outer() -> None:
        inner()

    with omium.execution("x"):
        with pytest.raises(LookupError):
            outer()
        search("after")
    failed = [each for each in omium.config.store().entries("x") if each.status == "failed"]
    assert [each.name for each in failed] == ["inner", "outer"]
    for each in failed:
        assert each.value is not None
        assert vars(omium.codec.loads(each.value.codec, each.value.read())) == {}


def test_a_result_that_cannot_be_recorded_is_refused_with_its_path(ran: Counter[str]) -> None:
    @omium.step(retries=3)
    def bad() -> Any:
        ran["bad"] += 1
        return {"client": Client()}

    with pytest.raises(NotSerializable, match=r"\$\.client") as caught, omium.execution("x"):
        bad()
    assert caught.value.path == "$.client"
    assert ran["bad"] == 1


def test_pickle_when_asked_for_by_name() -> None:
    @omium.step(codec="pickle")
    def make() -> Any:
        return {"client": Client}

    for _ in range(2):
        with omium.execution("x") as run:
            assert make() == {"client": Client}
    with pytest.raises(InvalidInput, match="pickle"):
        _ = run.checkpoints()[0].value
    omium.init(store=omium.config.settings().store, codec="pickle")
    assert omium.get("x").checkpoints()[0].value == {"client": Client}


def test_generators_are_refused_where_they_are_decorated() -> None:
    with pytest.raises(InvalidInput, match="numbers is a generator: return a list"):

        @omium.step
        def numbers() -> typing.Iterator[int]:
            yield 1

    with pytest.raises(InvalidInput):

        @omium.step
        async def later() -> typing.AsyncIterator[int]:
            yield 1

    with pytest.raises(InvalidInput, match="not a int"):
        omium.step(3)  # type: ignore[type-var]


def test_nothing_is_recorded_after_the_end() -> None:
    with omium.execution("x"):
        context = contextvars.copy_context()
    with pytest.raises(InvalidInput, match="has ended"):
        context.run(search, "late")
