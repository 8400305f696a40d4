"""Programs made up from a number: the same number gives the same program and the same result."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import omium

from . import world

ACT, UNDO, TRY, TRY_UNDO = "act", "undo", "try", "try-undo"


def happened(label: str, idempotency_key: str) -> str | None:
    return receipt(label) if world.done(ACT, idempotency_key) else None


def receipt(label: str) -> str:
    return f"receipt of {label}"


def act(label: str, *, once: bool = False) -> str:
    world.write(ACT, label, omium.idempotency_key(), once=once)
    return receipt(label)


def fails_first(what: str, label: str, share: int) -> bool:
    """Whether this is the first try of one of the labels that fail then."""
    key = omium.idempotency_key()
    first = sum(label.encode()) % share == 0 and not world.done(what, key)
    if first:
        world.write(what, label, key)
    return first


def undo(label: str, receipt: str, idempotency_key: str) -> None:
    """Of a service that knows idempotency keys."""
    assert receipt == f"receipt of {label}", receipt
    if fails_first(TRY_UNDO, label, 5):
        raise ConnectionError(f"no undo of {label} right now")
    world.write(UNDO, label, omium.idempotency_key(), idempotency_key, once=True)


def undone(idempotency_key: str) -> bool | None:
    return world.done(UNDO, idempotency_key) or None


@omium.effect(key=("label", "idempotency_key"), probe=undone)
def undo_raw(label: str, receipt: str, idempotency_key: str) -> bool:
    """Of a service that acts as often as it is asked to."""
    assert receipt == f"receipt of {label}", receipt
    world.write(UNDO, label, omium.idempotency_key(), idempotency_key)
    return True


@omium.effect(key=("label", "idempotency_key"))
def undo_told(label: str, receipt: str, idempotency_key: str) -> bool:
    """Of a service of which only a person can tell whether it has acted; now and then it hangs up after that."""
    world.write(UNDO, label, omium.idempotency_key(), idempotency_key)
    if sum(label.encode()) % 2 == 0:
        raise ConnectionResetError(label)
    return True


def undo_carefully(label: str, receipt: str, idempotency_key: str) -> None:
    """Looks something up, asks somebody, fails at first, and leaves the act to an effect of its own."""
    assert think(label) == label.upper()
    assert omium.ask(f"undo {label}?") == "yes"
    if fails_first(TRY_UNDO, label, 3):
        raise ConnectionError(f"no undo of {label} right now")
    undo_told(label, receipt, idempotency_key)


async def aundo(label: str, receipt: str, idempotency_key: str) -> None:
    await asyncio.sleep(0)
    undo(label, receipt, idempotency_key)


@omium.effect(key="label", probe=happened, undo=undo)
def probed(label: str, noise: float) -> str:
    return act(label)


@omium.effect(key="label", undo=undo_raw, in_doubt="retry")
def retried(label: str) -> str:
    return act(label, once=True)


@omium.effect(key="label", undo=undo_raw)
def asked(label: str) -> str:
    return act(label)


@omium.effect(key="label", probe=happened, undo=undo_carefully)
def guarded(label: str) -> str:
    return act(label)


@omium.effect(key="label", in_doubt="fail")
def failing(label: str) -> str:
    return act(label)


@omium.effect(key="label", probe=happened, undo=undo, retries=omium.Retry(2, first=0.001))
def flaky(label: str) -> str:
    """Fails at first, some before they have acted and some after."""
    if fails_first(TRY, label, 3):
        raise TimeoutError(label)
    value = act(label)
    if sum(label.encode()) % 2 == 0:
        raise ConnectionResetError(label)
    return value


@omium.effect(probe=happened, undo=undo)
def refuses(label: str) -> str:
    raise LookupError(label)


@omium.effect(key="label", probe=happened, undo=undo)
def outer(label: str) -> str:
    """An effect in which another one happens."""
    return act(label) if probed(f"{label}.in", random.random()) else ""


@omium.effect(key="label", probe=happened, undo=aundo)
async def aprobed(label: str) -> str:
    await asyncio.sleep(0.0005)
    return act(label)


@omium.step
def think(label: str) -> str:
    world.moment()
    return label.upper()


@omium.step(retries=omium.Retry(2, first=0.001))
def group(label: str) -> list[str]:
    """A step that is tried again after the effects in it were done."""
    values = [probed(f"{label}.1", random.random()), think(f"{label}.2"), asked(f"{label}.3")]
    if not world.done(TRY, label):
        world.write(TRY, label, label)
        raise RuntimeError("once more")
    return values


def handled(label: str) -> str:
    try:
        return refuses(label)
    except LookupError as error:
        return f"refused {error}"


def threads(label: str) -> list[str]:
    with ThreadPoolExecutor(3) as pool:
        run = [pool.submit(contextvars.copy_context().run, each, f"{label}.{n}") for n, each in enumerate(_LEAVES)]
        return [future.result() for future in run]


_LEAVES: list[Callable[[str], Any]] = [lambda label: probed(label, random.random()), retried, flaky]
_KINDS: list[Callable[[str], Any]] = [think, *_LEAVES, asked, guarded, failing, outer, group, handled, threads]


@omium.workflow
def plain(number: int, size: int) -> list[Any]:
    chance = random.Random(number)
    return [chance.choice(_KINDS)(f"{n}") for n in range(size)]


@omium.workflow
async def asynchronous(number: int, size: int) -> list[Any]:
    chance = random.Random(number)
    values: list[Any] = []
    for n in range(size):
        if chance.random() < 0.4:
            values.append(chance.choice(_KINDS)(f"{n}"))
        else:
            values += await asyncio.gather(*(aprobed(f"{n}.{part}") for part in range(chance.randint(1, 3))))
    return values


def run(number: int, id: str, size: int) -> omium.Execution[Any]:
    """Starts or resumes the program; it may end waiting."""
    if number % 3 == 0:
        return asyncio.run(asynchronous.options(id=id).start(number, size))
    return plain.options(id=id).start(number, size)
