"""Programs that decide by what completes first: a resume is answered, and comes by in the recorded order."""

from __future__ import annotations

import asyncio
import contextvars
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED as ONE
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from concurrent.futures import wait as wait_for
from contextlib import suppress
from typing import Any

import pytest

import omium
from omium import Divergence, codec

CALLS = 6
chance = random.Random(7)


class Stopped(BaseException):
    """The process dies here: nothing of the run is settled."""


@pytest.fixture(autouse=True)
def _dies(monkeypatch: pytest.MonkeyPatch) -> None:
    from omium._session import Session

    close = Session._close

    def dies(self: Session[Any], error: BaseException | None) -> bool:
        if isinstance(error, Stopped):
            self.run.ended = True
            self.run.native.release()
            return False
        return close(self, error)

    monkeypatch.setattr(Session, "_close", dies)


def resumed(program: Callable[[], Any], ran: Counter[str], stops: dict[str, int]) -> Any:
    """The result of the program, which dies after so many posts, and is run again to its end."""
    for number in range(1, CALLS):
        stops["after"] = number
        with pytest.raises(Stopped):
            program()
    stops["after"] = 0
    return program()


@pytest.fixture
def posted(ran: Counter[str]) -> list[int]:
    return []


def steps(ran: Counter[str], posted: list[int], stops: dict[str, int]) -> tuple[Any, Any]:
    @omium.step
    async def fetch(n: int) -> int:
        ran[f"fetch {n}"] += 1
        await asyncio.sleep(chance.random() * 0.01)
        return n

    @omium.step
    async def post(n: int) -> int:
        posted.append(n)
        await asyncio.sleep(0)
        return n

    return fetch, post


def count(out: list[int], stops: dict[str, int]) -> None:
    if stops["after"] == len(out):
        raise Stopped


@pytest.mark.parametrize("round", range(5))
def test_as_completed(round: int, ran: Counter[str], posted: list[int]) -> None:
    stops: dict[str, int] = {}
    fetch, post = steps(ran, posted, stops)

    async def program() -> list[int]:
        out: list[int] = []
        async with omium.execution("a"):
            for each in asyncio.as_completed([fetch(n) for n in range(CALLS)]):
                out.append(await post(await each))
                count(out, stops)
        return sorted(out)

    assert resumed(lambda: asyncio.run(program()), ran, stops) == list(range(CALLS))
    assert sorted(posted) == list(range(CALLS)), "each once"


@pytest.mark.parametrize("round", range(5))
def test_wait_for_the_first(round: int, ran: Counter[str], posted: list[int]) -> None:
    stops: dict[str, int] = {}
    fetch, post = steps(ran, posted, stops)

    async def program() -> list[int]:
        out: list[int] = []
        async with omium.execution("w"):
            left = {asyncio.create_task(fetch(n)) for n in range(CALLS)}
            while left:
                done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                # A set has another order in every process.
                for each in sorted(done, key=lambda task: task.result()):
                    out.append(await post(each.result()))
                    count(out, stops)
        return sorted(out)

    assert resumed(lambda: asyncio.run(program()), ran, stops) == list(range(CALLS))
    assert sorted(posted) == list(range(CALLS))


@pytest.mark.parametrize("round", range(5))
def test_workers_on_a_queue(round: int, ran: Counter[str], posted: list[int]) -> None:
    stops: dict[str, int] = {}
    fetch, post = steps(ran, posted, stops)

    async def program() -> list[int]:
        out: list[int] = []
        async with omium.execution("q"):
            queue: asyncio.Queue[int] = asyncio.Queue()
            for n in range(CALLS):
                queue.put_nowait(n)

            async def work() -> None:
                while not queue.empty():
                    out.append(await post(await fetch(queue.get_nowait())))
                    count(out, stops)

            await asyncio.gather(*(work() for _ in range(3)))
        return sorted(out)

    assert resumed(lambda: asyncio.run(program()), ran, stops) == list(range(CALLS))
    # Those in flight in the other workers are done again.
    assert set(posted) == set(range(CALLS))
    assert len(posted) <= CALLS + 2 * (CALLS - 1)


@pytest.mark.parametrize("how", ["as_completed", "wait"])
def test_threads_as_they_complete(how: str, ran: Counter[str], posted: list[int]) -> None:
    import time

    stops: dict[str, int] = {}

    @omium.step
    def fetch(n: int) -> int:
        time.sleep(0.005 + chance.random() * 0.02)
        return n

    @omium.step
    def post(n: int) -> int:
        posted.append(n)
        return n

    def completed(futures: list[Future[int]]) -> Any:
        if how == "as_completed":
            yield from as_completed(futures)
            return
        left = set(futures)
        while left:
            done, left = wait_for(left, return_when=ONE)
            yield from sorted(done, key=lambda future: future.result())

    def program() -> list[int]:
        out: list[int] = []
        with omium.execution("t"), ThreadPoolExecutor(CALLS) as pool:
            futures = [pool.submit(contextvars.copy_context().run, fetch, n) for n in range(CALLS)]
            for each in completed(futures):
                out.append(post(each.result()))
                count(out, stops)
        return sorted(out)

    # Threads are told in the order in which the system runs them: where that differs, nothing is posted twice.
    for number in range(1, CALLS):
        stops["after"] = number
        with pytest.raises((Stopped, Divergence)):
            program()
    stops["after"] = 0
    for _ in range(20):
        with suppress(Divergence):
            assert program() == list(range(CALLS))
            break
    assert sorted(posted) == list(range(CALLS))


def recorded(id: str, name: str) -> list[Any]:
    """The values of its steps of that name, in the order of the record."""
    found = [entry.value for entry in omium.config.store().entries(id) if entry.name == name]
    return [codec.loads(value.codec, value.read()) for value in found if value is not None]


@pytest.mark.parametrize("own", [False, True])
def test_threads_that_ended_before_are_taken_in_the_order_of_the_record(own: bool) -> None:
    """`as_completed` has them in a set."""
    stops: dict[str, int] = {}

    @omium.step
    def fetch(n: int) -> int:
        return n

    @omium.step
    def post(n: int) -> int:
        return n

    def program(order: list[int]) -> list[int]:
        out: list[int] = []
        with omium.execution("t"), ThreadPoolExecutor(CALLS) as pool:
            if own:
                futures = [pool.submit(contextvars.copy_context().run, fetch, n) for n in order]
            else:
                futures = [pool.submit(fetch, n) for n in order]
            wait_for(futures)
            for each in as_completed(futures):
                out.append(post(each.result()))
                count(out, stops)
        return out

    stops["after"] = 3
    with pytest.raises(Stopped):
        program(list(range(CALLS)))
    assert recorded("t", "post") == recorded("t", "fetch")[:3]
    stops["after"] = 0
    assert program(list(reversed(range(CALLS)))) == recorded("t", "fetch") == recorded("t", "post")


def test_threads_end_in_the_order_in_which_their_steps_returned() -> None:
    """Also where one is slower from its step to its end."""
    import time

    @omium.step
    def fetch(n: int) -> int:
        return n

    @omium.step
    def post(n: int) -> int:
        return n

    def slow(n: int, went: threading.Event) -> int:
        value = fetch(n)
        went.set()
        time.sleep(0.008)
        return value

    def quick(n: int, go: threading.Event) -> int:
        go.wait()
        return fetch(n)

    with omium.execution("e"), ThreadPoolExecutor(2) as pool:
        for n in range(0, 20, 2):
            went = threading.Event()
            for each in as_completed([pool.submit(quick, n, went), pool.submit(slow, n + 1, went)]):
                post(each.result())
    assert recorded("e", "post") == recorded("e", "fetch")


def test_a_thread_that_does_not_end_is_waited_for_a_moment_only() -> None:
    import time

    gate = threading.Event()

    @omium.step
    def fetch(n: int) -> int:
        return n

    def call(n: int) -> int:
        value = fetch(n)
        gate.wait(60 if n == 0 else 0)
        return value

    with omium.execution("b"), ThreadPoolExecutor(2) as pool:
        first = pool.submit(call, 0)
        while not recorded("b", "fetch"):
            time.sleep(0.001)
        assert pool.submit(call, 1).result(30) == 1
        assert not first.done()
        gate.set()
        assert first.result(30) == 0


def test_reordered_steps_are_answered(ran: Counter[str]) -> None:
    @omium.step
    def work(n: int) -> int:
        ran[str(n)] += 1
        return n

    def program(order: list[int], *, stop: bool) -> list[int]:
        with omium.execution("r"):
            got = [work(n) for n in order]
            if stop:
                raise Stopped
            return got

    with pytest.raises(Stopped):
        program([1, 2, 3], stop=True)
    assert program([3, 1, 2, 4], stop=False) == [3, 1, 2, 4]
    assert ran == {"1": 1, "2": 1, "3": 1, "4": 1}


def test_what_cannot_be_matched_says_what_to_write(ran: Counter[str]) -> None:
    @omium.step
    def work(n: int) -> int:
        ran[str(n)] += 1
        return n

    def program(follow: int, *, stop: bool) -> None:
        with omium.execution("r"):
            contextvars.copy_context().run(work, 0)
            work(follow)
            if stop:
                raise Stopped

    with pytest.raises(Stopped):
        program(1, stop=True)
    with pytest.raises(Divergence, match=r"(?s)recorded work with other inputs.*completes first.*sorted results"):
        program(2, stop=False)
    assert ran["2"] == 0


def test_what_nobody_asks_for_is_waited_for_once(ran: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that the program no longer makes costs a moment, and nothing else."""
    import time

    @omium.step
    async def work(n: int) -> int:
        ran[str(n)] += 1
        return n

    async def program(first: int, *, stop: bool) -> None:
        async with omium.execution("g"):
            await asyncio.gather(*(work(n) for n in range(first, 50)))
            if stop:
                raise Stopped

    with pytest.raises(Stopped):
        asyncio.run(program(0, stop=True))
    began = time.monotonic()
    asyncio.run(program(5, stop=False))
    assert ran.total() == 50
    assert time.monotonic() - began < 5
