"""The programs that get killed. Each gives the same result whenever and however often it is resumed.

A step writes a `ran` line when its body starts, and the code that called it an `ack` line once it has
returned: from then on its entry may not be lost, and its body may not run again.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import omium

_journal: int | None = None


def open_journal(path: Path) -> None:
    global _journal
    _journal = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)


def tell(what: str, label: str) -> None:
    """One line, whole or not at all: it outlives the process as soon as this returns."""
    if _journal is not None:
        os.write(_journal, f"{what} {label}\n".encode())


def acked(value: list[Any]) -> int:
    tell("ack", value[0])
    number: int = value[1]
    return number


def pause(label: str) -> None:
    time.sleep((sum(label.encode()) % 7) / 4000)


@omium.step
def work(label: str, n: int) -> list[Any]:
    tell("ran", label)
    pause(label)
    return [label, n * 2 + 1]


@omium.step
def bulky(label: str, n: int) -> list[Any]:
    tell("ran", label)
    return [label, n, os.urandom(0), {"text": f"{n} " * 40_000}]


@omium.step(retries=2)
def flaky(label: str, n: int) -> list[Any]:
    tell("ran", label)
    return [label, acked(work(f"{label}.inner", n)) + acked(work(f"{label}.inner2", n))]


@omium.step
def refuses(label: str) -> list[Any]:
    raise LookupError(label)


@omium.step
async def awork(label: str, n: int) -> list[Any]:
    tell("ran", label)
    await asyncio.sleep((sum(label.encode()) % 7) / 4000)
    return [label, n * 3 + 1]


@omium.step
async def arefuses(label: str) -> list[Any]:
    await asyncio.sleep((sum(label.encode()) % 5) / 4000)
    raise LookupError(label)


@omium.workflow
def plain(size: int) -> int:
    total = 0
    for i in range(size):
        total += acked(work(f"w{i}", i))
        if i % 4 == 0:
            total += acked(flaky(f"f{i}", i))
        if i % 5 == 0:
            total += acked(bulky(f"b{i}", i))
        if i % 6 == 0:
            try:
                refuses(f"r{i}")
            except LookupError as error:
                total += len(error.args)
    return total


@omium.workflow
async def gathered(size: int) -> int:
    async def strand(name: str) -> int:
        values = [acked(await awork(f"{name}{i}", i)) for i in range(5)]
        return sum(values) + acked(work(f"{name}w", 1))

    total = 0
    for group in range(size // 5):
        names = [f"g{group}.{n}." for n in range(4)]
        tasks = [asyncio.create_task(strand(f"t{group}.{n}.")) for n in range(2)]
        total += sum(await asyncio.gather(*(strand(name) for name in names)))
        total += sum([await task for task in tasks])
        refused = [arefuses(f"a{group}.{n}") for n in range(3)]
        total += sum(len(error.args) for error in await asyncio.gather(*refused, return_exceptions=True))
        total += acked(await asyncio.to_thread(work, f"h{group}", group))
    return total


@omium.workflow
def threaded(size: int) -> int:
    def chain(name: str) -> int:
        return sum(acked(work(f"{name}.{i}", i)) for i in range(4)) + acked(flaky(f"{name}.f", 2))

    total = 0
    with ThreadPoolExecutor(6) as pool:
        for group in range(size // 5):
            names = [f"p{group}.{n}" for n in range(6)]
            futures = [pool.submit(contextvars.copy_context().run, chain, name) for name in names]
            total += sum(future.result() for future in futures)
            total += acked(work(f"between{group}", group))
    return total


def run(program: str, id: str, size: int) -> Any:
    """Starts or resumes it, and returns its result."""
    return PROGRAMS[program](id, size)


PROGRAMS: dict[str, Callable[[str, int], Any]] = {
    "plain": lambda id, size: plain.options(id=id).start(size).result(),
    "gathered": lambda id, size: asyncio.run(gathered.options(id=id).start(size)).result(),
    "threaded": lambda id, size: threaded.options(id=id).start(size).result(),
}
