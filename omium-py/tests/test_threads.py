"""Threads: with the context they are strands of the execution, without it they are left alone."""

from __future__ import annotations

import contextvars
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import omium

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


def test_a_thread_without_the_context_passes_through(ran: Counter[str]) -> None:
    @omium.step
    def work() -> str:
        ran["work"] += 1
        return "x"

    with omium.execution("t") as run:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert ran["work"] == 1
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
