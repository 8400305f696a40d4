"""Many programs, in as many processes as are wanted."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import omium

from .bugs import BUGS
from .plan import plan
from .trial import Trial

KILLED = 0.01
"""The share of programs whose processes are killed; the others die in theirs."""
STORE_MAX = 250
"""Programs of one store."""


@dataclass
class Findings:
    programs: int = 0
    deaths: int = 0
    killed: int = 0
    """Programs whose processes were killed."""
    refusals: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """By what the program has in it that goes on by what completes first."""
    broken: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        self.programs += other.programs
        self.deaths += other.deaths
        self.killed += other.killed
        self.refusals += other.refusals
        self.refused += other.refused
        self.broken += other.broken


ORDER = ("completed", "first", "workers", "pool_completed")


def part(seed: int, programs: int, bug: str | None, directory: str | None) -> Iterator[Findings]:
    """Programs one after the other, in this process; ends with the first that breaks a promise."""
    chance = random.Random(seed)
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    place = Path(tempfile.mkdtemp(prefix="identity", dir=directory or shared))
    # Tasks that nobody waits for any more end with their program.
    logging.getLogger("asyncio").disabled = True
    if bug is not None:
        BUGS[bug]()
    try:
        for number in range(programs):
            if number % STORE_MAX == 0:
                omium.init(store=place / f"store-{number}", durability="process", detect=None)
                omium.config.store()
                shutil.rmtree(place / f"store-{number - STORE_MAX}", ignore_errors=True)
            yield one(chance.randrange(1 << 40), chance.random() < KILLED, place)
    finally:
        if directory is None:
            shutil.rmtree(place, ignore_errors=True)


def one(number: int, killed: bool, place: Path) -> Findings:
    trial = Trial(plan(number), f"p{number}", random.Random(number + 1))
    if killed:
        own = place / f"killed-{number}"
        own.mkdir()
        broken = trial.killed(own)
        shutil.rmtree(own, ignore_errors=True)
    else:
        broken = trial.in_process()
    # Equal calls beside each other may each get the other's answer, and go on to something else.
    by = [each for each in ORDER if each in trial.plan.features] or ["equal calls in threads"]
    refused = Counter({each: len(trial.refusals) for each in by if trial.refusals})
    told = [f"program {number}{' (killed)' if killed else ''}: {each}" for each in broken]
    return Findings(1, trial.deaths, int(killed), len(trial.refusals), refused, told)


def run(
    programs: int, seed: int, *, jobs: int = 1, bug: str | None = None, progress: Callable[[int], None] = lambda _: None
) -> Findings:
    """Until one breaks a promise, or all were run."""
    findings = Findings()
    if jobs == 1:
        for each in part(seed, programs, bug, None):
            findings.add(each)
            progress(findings.programs)
            if findings.broken:
                break
        return findings
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    each_runs = [programs // jobs + (n < programs % jobs) for n in range(jobs)]
    workers = [
        context.Process(target=_work, args=(results, seed + n, count, bug), daemon=True)
        for n, count in enumerate(each_runs)
    ]
    for worker in workers:
        worker.start()
    left = jobs
    while left and not findings.broken:
        found = results.get()
        if found is None:
            left -= 1
        else:
            findings.add(found)
            progress(findings.programs)
    for worker in workers:
        worker.terminate()
        worker.join()
    return findings


def _work(results: multiprocessing.SimpleQueue[Findings | None], seed: int, programs: int, bug: str | None) -> None:
    try:
        for found in part(seed, programs, bug, None):
            results.put(found)
    finally:
        results.put(None)
