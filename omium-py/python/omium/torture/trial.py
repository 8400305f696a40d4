"""One kill and the runs after it, in a directory of its own; and the runs it is compared with."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import omium
from omium.cli._errors import CommandError
from omium.torture.child import Plan
from omium.torture.traces import Address, Journal, Left, journal, left, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omium.torture._point import Point
    from omium.torture.person import Person

__all__ = ["Program", "Trial"]

_LONGEST_S = 600
"""What an uninterrupted run may take."""

_ANSWERS_MAX = 100
"""After as many answers a program is taken to ask for ever."""

_SLOWER = 20
_SLOWER_LEAST_S = 60
"""How many times as long a continued run may take, and what any may."""


class Trial(NamedTuple):
    """What came of one run, or of a killed one and its continuation."""

    root: Path
    """Where the program's own files are."""
    point: Point | None
    journal: Journal
    left: Left
    code: int | None
    """None: it did not end, and was ended."""
    talk: str
    """What the last run wrote on stderr."""
    told: dict[Address, bool]
    """What a person said of effects: whether they had happened."""


class Program(NamedTuple):
    """The script, and where its runs take place."""

    script: Path
    arguments: Sequence[str]
    base: Path
    given: Sequence[Path]
    """Copied to where it runs."""
    watched: Sequence[Path]
    """Files outside; what a run adds to them is compared."""
    person: Person
    """Answers when it waits."""
    longest_s: float = _LONGEST_S
    """After that it is taken to hang."""

    def timed(self, took_s: float) -> Program:
        """The same, with the time an uninterrupted run took as the measure."""
        return self._replace(longest_s=min(max(_SLOWER * took_s, _SLOWER_LEAST_S), _LONGEST_S))

    def trial(self, name: str, point: Point | None) -> Trial:
        """The program to its end, started again after the kill at that point and after every answer."""
        directory = self._directory(name)
        before = self._outside()
        told: dict[Address, bool] = {}
        answered, kill = 0, point
        while True:
            due = kill if kill is not None and kill.answered == answered else None
            code, talk = self._run(directory, due, answered)
            if code == -signal.SIGKILL and due is not None:
                kill = None
                continue
            answers = self.person.settle(directory / "work", journal(directory / "journal"))
            if not answers:
                break
            told |= answers
            answered += 1
            if answered > _ANSWERS_MAX:
                raise CommandError(
                    f"{self.script.name} asks more than {_ANSWERS_MAX} times",
                    "let the last --answer be one after which it asks no more",
                )
        added = {
            str(path): text_of(now.removeprefix(then), directory / "work")
            for path, then, now in zip(self.watched, before, self._outside(), strict=True)
        }
        found = journal(directory / "journal")
        return Trial(self.script.parent, point, found, left(directory / "work", added), code, talk, told)

    def _directory(self, name: str) -> Path:
        directory = self.base / name
        work = directory / "work"
        work.mkdir(parents=True)
        for path in self.given:
            if path.is_dir():
                shutil.copytree(path, work / path.name)
            else:
                shutil.copy2(path, work / path.name)
        return directory

    def _run(self, directory: Path, point: Point | None, answered: int) -> tuple[int | None, str]:
        plan = Plan(
            str(self.script),
            list(self.arguments),
            f"torture-{self.script.stem}",
            str(directory / "journal"),
            None if point is None else list(point),
            answered,
        )
        try:
            done = subprocess.run(
                [sys.executable, "-m", "omium.torture.child", json.dumps(plan._asdict())],
                cwd=directory / "work",
                env=_environment(directory / "work" / ".omium"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                check=False,
                timeout=self.longest_s,
            )
        except subprocess.TimeoutExpired:
            return None, ""
        talk = done.stderr.decode("utf-8", "replace")
        if not (directory / "journal").exists():
            raise CommandError(f"{self.script.name} did not start: {talk.strip().splitlines()[-1:]}")
        return done.returncode, talk

    def _outside(self) -> list[bytes]:
        return [path.read_bytes() if path.exists() else b"" for path in self.watched]


def _environment(store: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OMIUM_")}
    source = str(Path(omium.__file__).resolve().parents[1])
    paths = [source, kept.get("PYTHONPATH", "")]
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "OMIUM_STORE": str(store)}
