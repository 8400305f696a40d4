"""Threads: what starts inside an execution carries it, as strands of their own; without it they are left alone."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import omium
from omium import InvalidInput

lock = threading.Lock()


def in_threads(function: Any, arguments: list[Any], threads: int = 8) -> list[Any]:
    """Each call in a copy of the caller's context, as asyncio.to_thread and LangGraph do."""
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(contextvars.copy_context().run, function, each) for each in arguments]
        return [future.result() for future in futures]


def test_a_pool_with_the_context_is_recorded_and_answered(ran: Counter[str]) -> None:
    @omium.step
    def work(n: int) -> int:
        with lock:
            ran["work"] += 1
        return n * n

    def chain(n: int) -> int:
        return work(n) + work(n + 1000) + work(n)

    def program() -> int:
        with omium.execution("t"):
            total = sum(in_threads(chain, list(range(20))))
            ran["program"] += 1
            if ran["program"] == 1:
                raise KeyboardInterrupt
            return total + sum(in_threads(chain, list(range(100, 120))))

    with pytest.raises(KeyboardInterrupt):
        program()
    assert ran["work"] == 60
    expected = sum(2 * n * n + (n + 1000) ** 2 for n in (*range(20), *range(100, 120)))
    assert program() == expected
    assert ran["work"] == 120
    assert program() == expected
    assert ran["work"] == 120


def test_identical_calls_from_many_threads_each_run_once(ran: Counter[str]) -> None:
    @omium.step
    def draw(_: int = 0) -> int:
        with lock:
            ran["draw"] += 1
            return ran["draw"]

    values = []
    for _ in range(2):
        with omium.execution("d"):
            values.append(sorted(in_threads(draw, [0] * 40)))
    assert values[0] == values[1] == list(range(1, 41))
    assert ran["draw"] == 40


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_threads_that_are_to_carry_nothing_pass_through(
    by: str, ran: Counter[str], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @omium.step
    def work(_: int) -> str:
        with lock:
            ran["work"] += 1
        return "x"

    if by == "environment":
        monkeypatch.setenv("OMIUM_THREADS", "off")
    omium.init(store=store, threads=False if by == "argument" else None)
    with omium.execution("t") as run, pytest.warns(RuntimeWarning, match="work ran in") as warned:  # noqa: PT031
        thread = threading.Thread(target=work, args=(1,))
        thread.start()
        thread.join()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, range(4)))
    assert ran["work"] == 5
    assert run.checkpoints() == []
    assert [each.filename for each in warned] == [threading.__file__], "once, where the program called it"


def test_a_switch_is_on_or_off(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMIUM_THREADS", "maybe")
    with pytest.raises(InvalidInput, match="OMIUM_THREADS is on or off, not 'maybe'"):
        omium.init(store=store)


def stopped_once(ran: Counter[str], program: Callable[[], Any]) -> Any:
    """What the program comes to, which is stopped at its end once and run again."""

    def run() -> Any:
        with omium.execution("c"):
            value = program()
            ran["program"] += 1
            if ran["program"] == 1:
                raise KeyboardInterrupt
            return value

    with pytest.raises(KeyboardInterrupt):
        run()
    return run()


@pytest.mark.parametrize("how", ["thread", "subclass", "timer", "map", "submit", "executor", "nested"])
def test_what_starts_inside_an_execution_carries_it(how: str, ran: Counter[str]) -> None:
    @omium.step
    def work(n: int) -> int:
        with lock:
            ran[f"work {n}"] += 1
        return n

    class Worker(threading.Thread):
        def __init__(self, n: int, out: list[int]) -> None:
            super().__init__()
            self.n, self.out = n, out

        def run(self) -> None:
            self.out.append(work(self.n))

    def started(threads: list[threading.Thread]) -> None:
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    def program() -> list[int]:
        out: list[int] = []
        if how == "thread":
            started([threading.Thread(target=lambda n=n: out.append(work(n))) for n in range(5)])
        elif how == "subclass":
            started([Worker(n, out) for n in range(5)])
        elif how == "timer":
            started([threading.Timer(0.001, lambda n=n: out.append(work(n))) for n in range(5)])
        elif how == "map":
            with ThreadPoolExecutor(2) as pool:
                out += pool.map(work, range(5))
        elif how == "submit":
            with ThreadPoolExecutor(2) as pool:
                out += [each.result() for each in [pool.submit(work, n=n) for n in range(5)]]
        elif how == "executor":

            async def gathered() -> list[int]:
                loop = asyncio.get_running_loop()
                return await asyncio.gather(*(loop.run_in_executor(None, work, n) for n in range(5)))

            out += asyncio.run(gathered())
        else:
            with ThreadPoolExecutor(2) as pool:
                inner = pool.submit(lambda: started([Worker(n, out) for n in range(5)]))
                inner.result()
        return sorted(out)

    assert stopped_once(ran, program) == list(range(5))
    assert all(ran[f"work {n}"] == 1 for n in range(5))


def test_the_thread_of_a_pool_carries_nothing_itself(ran: Counter[str]) -> None:
    """A pool outlives the execution in which its first thread was started."""

    @omium.step
    def work(n: int) -> int:
        with lock:
            ran["work"] += 1
        return n

    with ThreadPoolExecutor(1) as pool:
        for name in ("a", "b"):
            with omium.execution(name) as run:
                assert pool.submit(work, 1).result() == 1
            assert [each.name for each in run.checkpoints()] == ["work"]
        assert pool.submit(work, 1).result() == 1
        assert pool.submit(lambda: omium.runtime._context.current.get()).result() is None
    assert ran["work"] == 3


def test_a_thread_keeps_no_frame_when_it_has_ended() -> None:
    with omium.execution("t"):
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
    assert "run" not in vars(thread)


def test_a_thread_that_found_no_room_is_started_again(ran: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    @omium.step
    def work() -> int:
        ran["work"] += 1
        return 1

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("can't start new thread")

    name = "_start_new_thread" if hasattr(threading, "_start_new_thread") else "_start_joinable_thread"
    thread = threading.Thread(target=work)
    with omium.execution("t") as run:
        with monkeypatch.context() as full:
            full.setattr(threading, name, refuse)
            with pytest.raises(RuntimeError):
                thread.start()
        thread.start()
        with pytest.raises(RuntimeError, match="once"):
            thread.start()
        thread.join()
        assert [each.name for each in run.checkpoints()] == ["work"]
    assert ran["work"] == 1


def test_a_thread_that_outlives_the_execution_is_refused(ran: Counter[str]) -> None:
    @omium.step
    def work() -> None:
        ran["work"] += 1

    over = threading.Event()
    errors: list[BaseException] = []

    def late() -> None:
        over.wait(30)
        try:
            work()
        except BaseException as error:
            errors.append(error)

    with omium.execution("t"):
        thread = threading.Thread(target=late)
        thread.start()
    over.set()
    thread.join()
    assert "wait for its tasks and threads inside it" in str(errors[0])
    assert ran["work"] == 0


def test_a_context_of_ones_own_is_kept(ran: Counter[str]) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outer")

    def program(context: contextvars.Context) -> list[str]:
        found: list[str] = []
        with omium.execution("t"), ThreadPoolExecutor(1) as pool:
            variable.set("inner")
            found.append(pool.submit(variable.get).result())
            found.append(pool.submit(context.run, variable.get).result())
            found.append(pool.submit(partial(context.run, variable.get)).result())
            thread = threading.Thread(target=context.run, args=(lambda: found.append(variable.get()),))
            thread.start()
            thread.join()
        return found

    assert program(contextvars.copy_context()) == ["inner", "outer", "outer", "outer"]


def test_equal_calls_in_a_pool_each_have_a_place(ran: Counter[str]) -> None:
    @omium.step
    def draw() -> int:
        with lock:
            ran["draw"] += 1
            return ran["draw"]

    def program() -> list[int]:
        with ThreadPoolExecutor(4) as pool:
            return sorted(pool.map(lambda _: draw(), range(12)))

    assert stopped_once(ran, program) == list(range(1, 13))
    assert ran["draw"] == 12


def test_a_callback_outside_warns_once_for_each_name(ran: Counter[str]) -> None:
    @omium.step
    def work() -> None:
        ran["work"] += 1

    @omium.effect
    def act() -> None:
        ran["act"] += 1

    def callback(_: Any) -> None:
        work()
        act()

    with omium.execution("t") as run, ThreadPoolExecutor(1) as pool, pytest.warns(RuntimeWarning) as warned:  # noqa: PT031
        for _ in range(2):
            hold = threading.Event()
            future = pool.submit(hold.wait, 30)
            future.add_done_callback(callback)
            hold.set()
            future.result()
        pool.shutdown()
    assert sorted(str(each.message).split()[0].rpartition(".")[2] for each in warned) == ["act", "work"]
    assert (ran["work"], ran["act"]) == (2, 2)
    assert run.checkpoints() == []


def test_steps_nested_in_threads_inside_a_step(ran: Counter[str]) -> None:
    @omium.step
    def leaf(n: int) -> int:
        with lock:
            ran["leaf"] += 1
        return n

    @omium.step
    def fan(n: int) -> int:
        total = sum(in_threads(leaf, [n * 10 + i for i in range(4)], 2))
        with lock:
            ran["fan"] += 1
            if ran["fan"] == 2:
                raise KeyboardInterrupt
        return total

    def program() -> int:
        with omium.execution("n"):
            return sum(in_threads(fan, [1, 2, 3], 1))

    with pytest.raises(KeyboardInterrupt):
        program()
    assert program() == sum(n * 10 + i for n in (1, 2, 3) for i in range(4))
    assert ran["leaf"] == 12


def test_a_reused_thread_is_a_strand_of_its_own_each_time() -> None:
    """A pool's thread runs one context after another; none may go on where the other stopped."""

    @omium.step
    def a(n: int) -> int:
        return n

    @omium.step
    def b(n: int) -> int:
        return n

    def first(n: int) -> int:
        return a(n) + b(n)

    def second(n: int) -> int:
        return b(n) + a(n)

    for _ in range(3):
        with omium.execution("r"), ThreadPoolExecutor(1) as pool:
            for function, n in ((first, 1), (second, 2), (first, 3), (second, 1)):
                assert pool.submit(contextvars.copy_context().run, function, n).result() == 2 * n


def test_executions_in_parallel_threads_do_not_meet() -> None:
    @omium.step
    def work(name: str, i: int) -> str:
        return f"{name}{i}"

    def program(name: str) -> list[str]:
        with omium.execution(name):
            return [work(name, i) for i in range(10)]

    with ThreadPoolExecutor(8) as pool:
        names = [f"e{n}" for n in range(16)]
        assert list(pool.map(program, names)) == [[f"{name}{i}" for i in range(10)] for name in names]
    assert all(len(omium.get(name).checkpoints()) == 10 for name in names)


def test_contexts_copied_in_one_thread_are_strands_whoever_runs_them(ran: Counter[str]) -> None:
    """A pool may run a child in the thread that made it, or in another: the record must not care."""

    @omium.step
    def work(name: str) -> str:
        ran[name] += 1
        return name

    def program(order: list[str], stop: bool) -> None:
        children: dict[str, contextvars.Context] = {}

        def parent() -> None:
            work("parent")
            children.update((name, contextvars.copy_context()) for name in order)

        with omium.execution("c"):
            contextvars.copy_context().run(parent)
            for name in order:
                children[name].run(work, name)
                if stop:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        program(["b", "c"], stop=True)
    program(["c", "b"], stop=False)
    assert ran == {"parent": 1, "b": 1, "c": 1}
