"""The program in a process of its own: every moment goes to a journal, and at one of them the process dies.

    python -m omium.torture.child PLAN

The journal is appended to with one write per line, so that it tells all up to the kill.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from omium.cli._target import scope_of
from omium.runtime import _boundary
from omium.torture._point import Point, loose, steady

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from omium.runtime._boundary import Boundary

__all__ = ["KILLED", "Plan", "main"]

KILLED = "killed"
_HITS_OF_A_LINE = 2
_OPTIMIZED = 1
"""CO_OPTIMIZED: set for functions, not for the bodies of modules and classes."""

_WORDS = {
    "begins": "before the beginning of",
    "begun": "after the beginning of",
    "claimed": "before",
    "intended": "after the intent of",
    "body": "at the beginning of",
    "done": "at the end of",
    "recorded": "after the record of",
    "failed": "after the recorded failure of",
    "complete": "before the end of",
    "ended": "after the end of",
}


class Plan(NamedTuple):
    """What a child is told, as JSON."""

    script: str
    arguments: list[str]
    id: str
    """The execution of what the script does outside of its own."""
    journal: str
    kill: list[Any] | None
    """The Point to die at."""
    answered: int
    """How many of its questions have been answered so far."""


class _Watch:
    """Meets every moment and every line of the program's own code."""

    def __init__(self, plan: Plan) -> None:
        self._journal = os.open(plan.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._kill = None if plan.kill is None else Point(*plan.kill)
        self._hits: Counter[str] = Counter()
        self._begun = False
        self._id = plan.id
        self._answered = plan.answered
        self._script = plan.script
        self._root = str(Path(plan.script).parent)
        self._mine: dict[str, bool] = {}

    def write(self, *parts: Any) -> None:
        os.write(self._journal, (json.dumps(parts) + "\n").encode())

    def boundary(self, boundary: Boundary) -> None:
        # The execution around the script begins before the script does.
        self._begun = self._begun or (boundary.kind, boundary.execution) != ("execution", self._id)
        self.write("boundary", *boundary)
        if boundary.moment != "answered":
            self._reached(_place(boundary), of_line=False)

    def called(self, frame: FrameType, event: str, _: Any) -> Any:  # noqa: ARG002  # the form of a trace function
        return self.within if self._own(frame.f_code) else None

    def within(self, frame: FrameType, event: str, _: Any) -> Any:
        if event in ("line", "return"):
            code = frame.f_code
            # What a module or a class does while it is loaded touches nothing yet.
            if self._begun or code.co_flags & _OPTIMIZED:
                file = os.path.basename(code.co_filename)
                after = ", at its end" if event == "return" else ""
                self._reached(f"{file}:{frame.f_lineno} in {code.co_name}{after}", of_line=True)
        return self.within

    def _own(self, code: CodeType) -> bool:
        file = code.co_filename
        if file not in self._mine:
            package = str(Path(_boundary.__file__).parent)
            inside = file.startswith(self._root + os.sep) and "site-packages" not in file
            self._mine[file] = file == self._script or (inside and not file.startswith((package, sys.prefix)))
        return self._mine[file]

    def _reached(self, place: str, *, of_line: bool) -> None:
        names = {place, loose(place)}
        self._hits.update(names)
        hit = self._hits[place]
        if of_line and hit > _HITS_OF_A_LINE:
            return
        if self._kill is None:
            other = loose(place)
            self.write(
                "point", place, hit, of_line, self._answered, [other, self._hits[other], of_line, self._answered]
            )
        elif self._kill[:2] in [(name, self._hits[name]) for name in names]:
            self.write(KILLED)
            os.kill(os.getpid(), signal.SIGKILL)


def _place(boundary: Boundary) -> str:
    moment, kind, execution, scope, name, key, occurrence = boundary
    if kind == "execution":
        return f"{_WORDS[moment]} execution {steady(execution)}"
    if kind == "state":
        return f"{_WORDS[moment]} a checkpoint"
    again = f" #{occurrence + 1}" if occurrence else ""
    names = " › ".join([*map(steady, scope_of(scope)), name])
    return f"{_WORDS[moment]} {kind} {names}{again} [{key[-6:]}]"


def main(plan: Plan) -> int:
    """Runs the program as the plan says and returns its exit code."""
    from omium.cli.run import run_in_execution
    from omium.exceptions import Waiting

    watch = _Watch(plan)
    _boundary.watcher = watch.boundary
    threading.settrace(watch.called)
    sys.settrace(watch.called)
    try:
        return run_in_execution(plan.script, plan.arguments, plan.id)
    except Waiting:
        return 0
    finally:
        sys.settrace(None)
        threading.settrace(None)


if __name__ == "__main__":
    sys.exit(main(Plan(**json.loads(sys.argv[1]))))
