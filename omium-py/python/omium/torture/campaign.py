"""All the kills of one program, a few at a time."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from omium.cli._errors import CommandError
from omium.torture.talk import last_of
from omium.torture.verdict import Judge, Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from omium.torture._point import Point
    from omium.torture.trial import Program, Trial

__all__ = ["Findings", "Found", "torture"]


class Found(NamedTuple):
    """A violation, and every kill it was seen after, with the number of the kill."""

    violation: Violation
    points: list[tuple[int, Point]]


class Findings(NamedTuple):
    """What a campaign came to."""

    places: int
    """Where the program could have been killed."""
    kills: int
    missed: int
    """Kills whose place was not reached again: its runs differ."""
    due: int
    """How many kills there were to be; more than there were when it was interrupted."""
    of_lines: int
    compared: int
    unsteady: list[tuple[str, ...]]
    reordered: list[str]
    """Files whose lines came in another order, for calls that run at the same time have none."""
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
    began = time.monotonic()
    reference = program.trial("uninterrupted", None)
    took = time.monotonic() - began
    _must_have_ended(program, reference)
    _must_have_taken_answers(program, reference)
    program = program._replace(person=program.person._replace(receipts=reference.left.receipts)).timed(took)
    again = program.trial("uninterrupted-again", None)
    judge = Judge(reference, again)
    if all(address[0] == "execution" for address in reference.journal.names):
        raise CommandError(f"{program.script.name} records nothing", "give it steps: @omium.step, @omium.effect")
    known = set(again.journal.points)
    # A call that is given something else in every run is found by its turn alone.
    places = [point if point in known else reference.journal.loose[point] for point in reference.journal.points]
    points = _spread(places, limit)
    kills = missed = 0
    found: dict[object, Found] = {}

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
    with ThreadPoolExecutor(width) as pool, suppress(KeyboardInterrupt):
        try:
            for done, (trial, violations) in enumerate(pool.map(one, range(len(points))), start=1):
                kills += trial.journal.killed
                missed += not trial.journal.killed
                for violation in violations:
                    seen = found.setdefault(violation.identity, Found(violation, []))
                    seen.points.append((done, points[done - 1]))
                if progress is not None:
                    progress(done, len(points))
        except KeyboardInterrupt:
            # What has been found so far is told.
            pool.shutdown(cancel_futures=True)
            raise
    return Findings(
        places=len(places),
        kills=kills,
        missed=missed,
        due=len(points),
        of_lines=sum(point.of_line for point in points),
        compared=judge.compared,
        unsteady=sorted(judge.unsteady),
        reordered=sorted(judge.reordered),
        unanswered=reference.left.questions,
        effects=Counter(each.name for each in reference.left.effects),
        settled=judge.settled,
        violations=list(found.values()),
    )


def _must_have_ended(program: Program, reference: Trial) -> None:
    name = program.script.name
    if reference.code == 0:
        return
    hint = "it runs in an empty directory with nothing on its standard input; --with PATH puts files there"
    if reference.code is None:
        raise CommandError(f"{name} did not end within {program.longest_s:g} s", hint)
    last = last_of(reference.talk, program.script.parent)
    said = "\n".join(["", *last.error, *([f"at {last.at}"] if last.at else [])]).replace("\n", "\n  ")
    raise CommandError(f"{name} fails without any kill, with exit code {reference.code}{said}", hint)


def _must_have_taken_answers(program: Program, reference: Trial) -> None:
    name = program.script.name
    if reference.left.not_taken:
        raise CommandError(
            f"{name} does not go on with its thread {reference.left.not_taken[0]!r}, which has its answer",
            "run again, it is to call graph.invoke(None, ...) where graph.get_state(...) has tasks and no interrupts: "
            "docs/langgraph.md",
        )
    if program.person.script and not program.person.asked:
        raise CommandError(f"{name} asks nothing: no answer was needed", "leave --answer out")


def _spread(points: list[Point], limit: int | None) -> list[Point]:
    if limit is None or limit >= len(points):
        return points
    return [points[number * len(points) // limit] for number in range(limit)]
