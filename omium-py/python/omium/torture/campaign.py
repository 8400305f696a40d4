"""All the kills of one program, a few at a time."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from omium.cli._errors import CommandError
from omium.torture.verdict import Judge, Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from omium.torture._point import Point
    from omium.torture.trial import Program, Trial

__all__ = ["Findings", "Found", "torture"]


class Found(NamedTuple):
    """A violation, and every kill it was seen after."""

    violation: Violation
    points: list[Point]


class Findings(NamedTuple):
    """What a campaign came to."""

    places: int
    """Where the program could have been killed."""
    kills: int
    missed: int
    """Kills whose place was not reached again: with threads, runs differ."""
    of_lines: int
    compared: int
    unsteady: list[tuple[str, ...]]
    unanswered: list[str]
    """The questions an uninterrupted run ends with, for want of an answer."""
    effects: Counter[str]
    """How often each effect acts in an uninterrupted run."""
    settled: Counter[tuple[str, str]]
    violations: list[Found]


def torture(
    program: Program,
    *,
    limit: int | None = None,
    jobs: int | None = None,
    keep: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Findings:
    """Runs the program uninterrupted, then kills it at every place."""
    reference = program.trial("uninterrupted", None)
    if reference.code != 0:
        tail = "\n".join(reference.talk.strip().splitlines()[-3:])
        raise CommandError(f"it fails without any kill, with exit code {reference.code}: {tail}")
    program = program._replace(person=program.person._replace(receipts=reference.left.receipts))
    judge = Judge(reference, program.trial("uninterrupted-again", None))
    places = reference.journal.points
    if not any(not point.of_line for point in places):
        raise CommandError(f"{program.script.name} records nothing", "give it steps: @omium.step, @omium.effect")
    points = _spread(places, limit)
    kills = missed = 0
    found: dict[Violation, list[Point]] = {}

    def one(number: int) -> tuple[Trial, list[Violation]]:
        name = f"kill-{number + 1}"
        trial = program.trial(name, points[number])
        violations = judge.judge(trial) if trial.journal.killed else []
        if not keep:
            shutil.rmtree(program.base / name)
        return trial, violations

    from concurrent.futures import ThreadPoolExecutor

    # Files outside the working directory belong to all trials: then they run one after the other.
    width = 1 if program.watched else jobs or os.cpu_count() or 1
    with ThreadPoolExecutor(width) as pool:
        for done, (trial, violations) in enumerate(pool.map(one, range(len(points))), start=1):
            kills += trial.journal.killed
            missed += not trial.journal.killed
            for violation in violations:
                found.setdefault(violation, []).append(points[done - 1])
            if progress is not None:
                progress(done, len(points))
    return Findings(
        places=len(places),
        kills=kills,
        missed=missed,
        of_lines=sum(point.of_line for point in points),
        compared=judge.compared,
        unsteady=sorted(judge.unsteady),
        unanswered=reference.left.questions,
        effects=Counter(each.name for each in reference.left.effects),
        settled=judge.settled,
        violations=[Found(violation, at) for violation, at in found.items()],
    )


def _spread(points: list[Point], limit: int | None) -> list[Point]:
    if limit is None or limit >= len(points):
        return points
    return [points[number * len(points) // limit] for number in range(limit)]
