"""A campaign: run a program, roll it back, run it on, fork it, and kill it all the way through."""

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
from omium.exceptions import InDoubt, UndoFailed, Waiting
from omium.runtime import _boundary

from . import programs, world
from .oracle import check

KILLS_PER_STAGE = 5
SIZE = 7
FORKS = 0.3
TRIES = 200
MOMENTS = {"rollback": 24}
"""How many moments to die at a stage has, roughly: claims, intents, acts and commits."""


@dataclass
class Findings:
    kills: Counter[str] = field(default_factory=Counter)
    executions: int = 0
    acts: int = 0
    undone: int = 0
    broken: list[str] = field(default_factory=list)


class Campaign:
    """Everything runs in forked children of a process that never opens a store itself."""

    def __init__(self, directory: Path, *, seed: int) -> None:
        self._directory = directory
        self._chance = random.Random(seed)
        self.findings = Findings()

    def run(self, kills: int, progress: Callable[[int], None]) -> Findings:
        while self.findings.kills.total() < kills and not self.findings.broken:
            self._one(self._chance.randrange(1_000_000), kills)
            progress(self.findings.kills.total())
        return self.findings

    def _one(self, number: int, kills: int) -> None:
        place = self._directory / f"{self.findings.executions:05}-{number}"
        place.mkdir()
        self.findings.executions += 1
        scene = Scene(place, number)
        stages: list[tuple[str, Callable[[], None]]] = [("run", scene.run)]
        if self._chance.random() < 0.7:
            stages += [("rollback", scene.rollback), ("run", scene.run)]
        if self._chance.random() < 0.25:
            stages += [("rollback", scene.rollback_again), ("run", scene.run)]
        if self._chance.random() < FORKS:
            stages.append(("fork", scene.fork))
        # A rollback of what was killed in the middle finds effects in doubt.
        midway = len(stages) > 1 and stages[1][0] == "rollback" and self._chance.random() < 0.4
        for index, (name, stage) in enumerate(stages):
            # One that was killed itself may also be finished by whoever runs on.
            left = (index == 0 and midway) or (name == "rollback" and self._chance.random() < 0.3)
            self._stage(name, stage, kills, finish=not left)
        self._in_child(scene.uninterrupted)
        code = self._in_child(scene.check)
        for line in scene.report():
            (self.findings.broken.append if line.startswith("BROKEN") else lambda _: None)(f"{place}: {line}")
        if code == 0:
            self.findings.acts += sum(line.what == programs.ACT for line in world.lines(scene.ledger))
            self.findings.undone += sum(line.what == programs.UNDO for line in world.lines(scene.ledger))

    def _stage(self, name: str, stage: Callable[[], None], kills: int, *, finish: bool) -> None:
        """Kills it a few times; then lets it end, unless the next stage is to find it as it is."""
        moments = MOMENTS.get(name, 40)
        for _ in range(self._chance.randint(1, KILLS_PER_STAGE)):
            if self.findings.kills.total() >= kills:
                break
            at = self._chance.randint(1, moments)
            by_clock = self._chance.random() < 0.3
            child = fork(lambda: mortal(stage, None if by_clock else at))  # noqa: B023  # It is called at once.
            if by_clock:
                time.sleep(self._chance.uniform(0, 0.15))
                os.kill(child, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if status != -signal.SIGKILL:
                self._expect(status == 0, f"{name}: exit status {status}, see the traceback above")
                moments = max(moments // 2, 4)
                if status == 0:
                    return
                break
            self.findings.kills[name] += 1
        if finish:
            self._in_child(stage)

    def _in_child(self, function: Callable[[], None]) -> int:
        child = fork(function)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self._expect(status == 0, f"{getattr(function, '__name__', '')}: exit status {status}, see the traceback above")
        return status

    def _expect(self, kept: bool, broken: str) -> None:
        if not kept:
            self.findings.broken.append(broken)


class Scene:
    """One execution, its world, and what is done with it. Every method runs in a process of its own."""

    def __init__(self, place: Path, number: int) -> None:
        self.place = place
        self.number = number
        self.ledger = place / "ledger"

    def run(self) -> None:
        self._open()
        self._to_the_end("a")

    def rollback(self) -> None:
        self._roll_back("target", 0)

    def rollback_again(self) -> None:
        self._roll_back("target-2", 1)

    def fork(self) -> None:
        self._open()
        at = self._target("fork", 2)
        if not any(each.id == "b" for each in omium.executions()):
            try:
                omium.get("a").fork(at, "b")
            except InDoubt:
                # A rollback left an effect in doubt, which nobody settles any more: the fork gives it up.
                left = [each for each in omium.get("a").effects() if each.state == "in doubt"]
                assert left, "it was refused for nothing"
                assert not any(each.live for each in left), left
                omium.get("a").fork(at, "b", abandon_effects=True)
        self._to_the_end("b")

    def uninterrupted(self) -> None:
        """What comes out when nobody interrupts."""
        omium.init(store=self.place / "calm")
        world.open_ledger(self.place / "calm-ledger")
        (self.place / "expected").write_text(repr(self._to_the_end("a").result()))

    def check(self) -> None:
        self._open()
        expected = (self.place / "expected").read_text()
        calm = world.lines(self.place / "calm-ledger")
        found = [line for each in omium.executions() for line in check(each, expected, calm)]
        found += [f"{line} of nobody" for line in self._strays()]
        (self.place / "report").write_text("".join(f"BROKEN {line}\n" for line in found))

    def report(self) -> list[str]:
        report = self.place / "report"
        return report.read_text().splitlines() if report.exists() else ["BROKEN no report"]

    def _strays(self) -> list[world.Line]:
        keys = {record.idempotency_key for each in omium.executions() for record in each.effects()}
        return [line for line in world.lines() if line.what == programs.ACT and line.key not in keys]

    def _open(self) -> None:
        omium.init(store=self.place / "store", durability="process")
        world.open_ledger(self.ledger)

    def _roll_back(self, name: str, salt: int) -> None:
        self._open()
        if not omium.executions():
            return  # Killed before it began.
        target = self._target(name, salt)
        for _ in range(TRIES):
            try:
                omium.get("a").rollback(to=target)
            except UndoFailed:
                continue
            except (InDoubt, Waiting):
                self._answer(omium.get("a"))
                continue
            return
        raise AssertionError("the rollback does not come to an end")

    def _to_the_end(self, id: str) -> omium.Execution[Any]:
        for _ in range(TRIES):
            try:
                execution = programs.run(self.number, id, SIZE)
            except (InDoubt, UndoFailed, Waiting):
                execution = omium.get(id)
            if execution.status == "completed":
                return execution
            self._answer(execution)
        raise AssertionError(f"{execution.status}: {execution.error}")

    def _answer(self, execution: omium.Execution[Any]) -> None:
        """A person looks into the ledger and says whether what is in doubt happened."""
        keys = {record.intent.seq: record for record in execution.effects()}
        for question in execution.questions():
            if question.kind == "signal":
                execution.answer("yes", seq=question.seq)
                continue
            record = keys[question.seq]
            if record.compensation:
                undone = world.done(programs.UNDO, record.idempotency_key)
                execution.answer(True if undone else None, happened=undone, seq=question.seq)
            elif world.done(programs.ACT, record.idempotency_key):
                execution.answer(programs.receipt(record.arguments["label"]), seq=question.seq)
            else:
                execution.answer(happened=False, seq=question.seq)

    def _target(self, name: str, salt: int) -> int:
        """Chosen once, and then the same however often the process that uses it dies."""
        path = self.place / name
        if not path.exists():
            chance = random.Random(self.number + salt)
            store = omium.config.store()
            entries = store.entries("a")
            top = [entry.seq for entry in entries if entry.status == "done" and entry.scope == ""]
            pool = top if chance.random() < 0.7 else [entry.seq for entry in entries]
            scratch = path.with_suffix(".new")
            scratch.write_text(str(chance.choice([0, *pool])))
            scratch.rename(path)
        return int(path.read_text())


def mortal(stage: Callable[[], None], at: int | None) -> None:
    """Runs the stage and dies at a moment: of the ledger, or around a claim, an intent or a commit."""
    if at is not None:
        world.die_at(at)
        _boundary.watcher = lambda _: world.moment()
    stage()


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
