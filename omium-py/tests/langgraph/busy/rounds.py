"""One round: a thread, those who invoke it at once, what comes in between, and whether every promise held."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import omium
from busy import bot
from busy.bot import CONFIG, EFFECTS, LOG, THREAD, Plan
from omium import _omium
from omium.exceptions import ExecutionNotFound

PATIENCE = 60.0
MISSED = 0.02
"""Seconds: a timeout that a node may miss."""
_STRIKES = ("none", "none", "kill", "kill", "cancel", "delete")


class Round(NamedTuple):
    """What happens in it."""

    plan: Plan
    processes: list[list[float]]
    """When each process invokes the thread."""
    strike: str
    after: float


def drawn(seed: int, store: str, bug: str) -> Round:
    chance = random.Random(seed)
    short = lambda most: chance.choice((0.0, chance.uniform(0, most)))  # noqa: E731
    timeout = chance.choice((None, None, MISSED, 5.0))
    plan = Plan(
        seed,
        store,
        asks=chance.random() < 0.5,
        recorded=chance.random() < 0.5,
        asynchronous=chance.random() < 0.5,
        durability=chance.choice(("sync", "async", "async", "exit")),
        busy=chance.choice(("refuse", "refuse", "refuse", "wait")),
        timeout=timeout,
        # A handler has LangGraph pass over all that follows its node.
        handler=chance.random() < 0.3 and timeout != MISSED,
        pauses=tuple(short(0.03) for _ in range(6)),
        bug=bug,
    )
    count = chance.randint(2, 4)
    split = chance.randint(1, count)
    starts = [short(0.06) for _ in range(count)]
    processes = [part for part in (starts[:split], starts[split:]) if part]
    return Round(plan, processes, chance.choice(_STRIKES), chance.uniform(0.0, 0.25))


def run(seed: int, bug: str = "none") -> tuple[list[str], Counter[str]]:
    """The promises that did not hold, and what was seen."""
    directory = tempfile.mkdtemp(prefix="busy-")
    try:
        return _run(drawn(seed, str(Path(directory) / "store"), bug))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run(round: Round) -> tuple[list[str], Counter[str]]:
    plan, context = round.plan, multiprocessing.get_context("fork")
    prepared = context.Process(target=_prepare, args=(plan,))
    prepared.start()
    prepared.join(PATIENCE)
    journal = plan.store + ".journal"
    children = [context.Process(target=bot.child, args=(plan, each, journal)) for each in round.processes]
    for each in children:
        each.start()
    time.sleep(round.after)
    store = _omium.Store(plan.store)
    at = time.time()
    struck = _strike(round, children, store)
    until = time.monotonic() + PATIENCE
    for each in children:
        each.join(max(0.0, until - time.monotonic()))
    broken = []
    if any(each.is_alive() for each in children):
        broken.append("an invocation hangs")
        for each in children:
            each.kill()
            each.join()
    told = Path(journal).read_text().splitlines() if Path(journal).exists() else []
    came = [each.partition(" ")[2] for each in told if not each.endswith(f" {bot.BEGUN}")]
    broken += [f"ended with {each}" for each in came if not _is_expected(each, struck)]
    begun_since = any(float(each.partition(" ")[0]) > at for each in told if each.endswith(f" {bot.BEGUN}"))
    if struck != "delete" or not begun_since:
        broken += _judged(round, store, struck)
    seen = Counter([struck, *(each.partition(":")[0] for each in came)])
    store.close()
    return broken, seen


def _prepare(plan: Plan) -> None:
    """Brings the thread to where it is invoked from: a question, or its beginning."""
    import os

    graph = bot.build(plan)
    if plan.asks:
        bot_given: Any = {"log": []}
        import asyncio

        if plan.asynchronous:
            asyncio.run(graph.ainvoke(bot_given, CONFIG))
        else:
            graph.invoke(bot_given, CONFIG)
    else:
        graph.update_state(CONFIG, {"log": []}, as_node="__start__")
    os._exit(0)


def _strike(round: Round, children: list[Any], store: _omium.Store) -> str:
    if round.strike == "kill":
        children[0].kill()
    elif round.strike == "cancel":
        try:
            store.cancel(THREAD)
        except omium.InvalidInput:
            return "none"
    elif round.strike == "delete":
        store.delete_running(THREAD)
    return round.strike


def _is_expected(came: str, struck: str) -> bool:
    """Whoever is not the one that runs is refused, and only then anything but its end."""
    kind = came.partition(":")[0]
    return (
        kind in ("ended", "LeaseHeld", "Fenced")
        or (struck == "cancel" and "was cancelled" in came)
        # A node that looks into the record of a deleted thread finds none.
        or (struck == "delete" and kind in ("EmptyInputError", "ExecutionNotFound"))
        # A node that missed its time, before its effect began.
        or kind == "NodeTimeoutError"
    )


def _judged(round: Round, store: _omium.Store, struck: str) -> list[str]:
    plan, broken = round.plan, []
    if struck == "delete":
        # Whoever begins afterwards begins another thread.
        with suppress(ExecutionNotFound):
            store.execution(THREAD)
            broken.append(f"the deleted thread is back, {store.execution(THREAD).status}")
        return broken + _doubled(plan)
    known = store.execution(THREAD)
    if known.owner is not None:
        broken.append(f"nobody runs it, and {known.owner} is said to")
    if struck == "cancel":
        if known.status != "cancelled":
            broken.append(f"cancelled, and its status is {known.status}")
        return broken + _doubled(plan)
    if known.status == "failed" and plan.timeout != MISSED:
        broken.append(f"its status is failed: {known.error}")
    came = ["none"]
    calm = plan._replace(timeout=None, bug="none", busy="refuse", pauses=(0.0,) * 6)
    graph = bot.build(calm)
    for _ in range(4):
        came.append(bot.invoke(graph, calm))
        if not graph.get_state(CONFIG).tasks and came[-1] == "ended":
            break
    state = graph.get_state(CONFIG)
    log = list(state.values.get("log", []))
    if sorted(log) != sorted(LOG):
        broken.append(f"the state is {log} after {came}")
    if (status := store.execution(THREAD).status) != "completed":
        broken.append(f"at the end, its status is {status} after {came}")
    broken += _doubled(plan)
    missing = {*EFFECTS} & {*log} - {line[0] for line in bot.paid(plan.store)}
    if missing:
        broken.append(f"never made: {sorted(missing)}")
    return broken


def _doubled(plan: Plan) -> list[str]:
    counts = Counter(line[0] for line in bot.paid(plan.store))
    return [f"{what} was made {count} times" for what, count in counts.items() if count > 1]
