"""A campaign: fork a program, kill it somewhere, resume it, compare; again and again."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import omium

from . import programs

_KILLS_PER_EXECUTION = 6
_OWN_STORE = 0.25


@dataclass
class Findings:
    """What a campaign counted, and every broken promise in words."""

    kills: Counter[str] = field(default_factory=Counter)
    executions: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    broken: list[str] = field(default_factory=list)


class Campaign:
    """Runs programs in forked children of a process that never opens the store itself."""

    def __init__(self, directory: Path, *, seed: int, size: int, durability: str) -> None:
        self._directory = directory
        self._random = random.Random(seed)
        self._size = size
        self._durability = durability
        self._store = directory / "store"
        self._expected: dict[str, tuple[Any, float]] = {}
        self.findings = Findings()

    def run(self, names: list[str], kills: int, progress: Callable[[int], None]) -> Findings:
        """Kills until that many kills have hit a running program."""
        while self.findings.kills.total() < kills:
            name = min(names, key=lambda each: self.findings.kills[each])
            self._execution(name, kills)
            progress(self.findings.kills.total())
        self._in_child(self._check_store)
        return self.findings

    def _execution(self, name: str, kills: int) -> None:
        """One execution: killed a few times, then left to end."""
        expected, seconds = self._baseline(name)
        id = f"{name}-{self.findings.executions[name]}"
        # Now and then in a store of its own, so that the making of a store is hit as well.
        self._store = self._directory / (f"store-{id}" if self._random.random() < _OWN_STORE else "store")
        self.findings.executions[name] += 1
        journal = self._directory / f"{id}.journal"
        for _ in range(self._random.randint(1, _KILLS_PER_EXECUTION)):
            if self.findings.kills.total() >= kills:
                break
            done_before = acknowledged(journal)
            started = size_of(journal)
            child = self._start(name, id, journal)
            time.sleep(self._random.uniform(0, seconds * 1.1))
            os.kill(child, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if status != -signal.SIGKILL:
                self._expect(status == 0, f"{id}: the program failed with exit status {status}")
                break
            self.findings.kills[name] += 1
            self._repeated(id, journal, started, done_before)
            self._in_child(lambda: self._check_acknowledged(id, journal))
        done_before, started = acknowledged(journal), size_of(journal)
        self._in_child(lambda: self._finish(name, id, journal, expected))
        self._repeated(id, journal, started, done_before)
        self.findings.acknowledged += len(acknowledged(journal))

    def _baseline(self, name: str) -> tuple[Any, float]:
        """The result, and the seconds it takes, of a run that nobody interrupts."""
        if name not in self._expected:
            path = self._directory / f"{name}.baseline"

            def uninterrupted() -> None:
                self._open(path.with_suffix(".journal"))
                path.write_text(repr(programs.run(name, f"{name}-baseline", self._size)))

            began = time.monotonic()
            self._in_child(uninterrupted)
            self._expected[name] = path.read_text(), time.monotonic() - began
        return self._expected[name]

    def _start(self, name: str, id: str, journal: Path) -> int:
        def program() -> None:
            self._open(journal)
            programs.run(name, id, self._size)

        return fork(program)

    def _finish(self, name: str, id: str, journal: Path, expected: str) -> None:
        self._open(journal)
        result = repr(programs.run(name, id, self._size))
        if result != expected:
            raise AssertionError(f"the result is {result}, of an uninterrupted run {expected}")
        self._check_acknowledged(id, journal)

    def _open(self, journal: Path) -> None:
        omium.init(store=self._store, durability=self._durability)
        programs.open_journal(journal)

    def _check_acknowledged(self, id: str, journal: Path) -> None:
        """Every acknowledged step has its entry, with the value that was returned."""
        labels = acknowledged(journal)
        if not labels:
            return
        omium.init(store=self._store)
        recorded = {each.value[0] for each in omium.get(id).checkpoints() if isinstance(each.value, list)}
        if lost := labels - recorded:
            raise AssertionError(f"acknowledged and lost: {sorted(lost)}")

    def _check_store(self) -> None:
        for store in self._directory.glob("store*"):
            report = omium._omium.Store(str(store)).check(full=True)
            if not report.ok:
                raise AssertionError("; ".join(report.problems))

    def _repeated(self, id: str, journal: Path, start: int, done_before: set[str]) -> None:
        again = done_before & labels_of("ran", journal, start)
        self._expect(not again, f"{id}: acknowledged and run again: {sorted(again)}")

    def _in_child(self, function: Callable[[], None]) -> None:
        child = fork(function)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self._expect(status == 0, f"{getattr(function, '__name__', '')}: exit status {status}, see the traceback above")

    def _expect(self, kept: bool, broken: str) -> None:
        if not kept:
            self.findings.broken.append(broken)


def fork(function: Callable[[], None]) -> int:
    """Runs it in a child; the exit status is 1 when it raised."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        function()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def acknowledged(journal: Path) -> set[str]:
    return labels_of("ack", journal, 0)


def labels_of(what: str, journal: Path, start: int) -> set[str]:
    if not journal.exists():
        return set()
    lines = journal.read_bytes()[start:].decode().splitlines()
    return {line.partition(" ")[2] for line in lines if line.startswith(what)}


def size_of(journal: Path) -> int:
    return journal.stat().st_size if journal.exists() else 0
