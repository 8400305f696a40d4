"""What is said to code that uses the id of a finished execution for other work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.exceptions import Divergence
from omium.view._text import moment

if TYPE_CHECKING:
    from omium import _omium
    from omium.runtime._live import LiveRun

__all__ = ["FINISHED", "diverged", "finished", "of_finished"]

FINISHED = {"completed": "completed", "cancelled": "was cancelled"}
"""The statuses in which an execution is only read, and how they are told."""

_HINT = "give this work an id of its own; omium show EXEC says what is under this one"


def finished(known: _omium.Execution) -> str:
    """That it is finished, and since when. Its record answers, and nothing more runs in it."""
    told = FINISHED[known.status]
    return f"execution {known.id!r} is finished: it {told} at {moment(known.updated_ms)}, use another id for other work"


def diverged(known: _omium.Execution, error: Divergence) -> Divergence:
    """The same divergence, which is none of code that changed."""
    return Divergence(
        f"{finished(known)}\n{error}",
        execution=error.execution,
        seq=error.seq,
        expected=error.expected,
        found=error.found,
        diff=error.diff,
        hint=_HINT,
    )


def of_finished(run: LiveRun, error: Divergence) -> Divergence:
    """What a run was told that finds nothing to run. A replay asked for just that."""
    if run.native.mode != "record" or run.replays:
        return error
    known = run.store.execution(run.native.id)
    return diverged(known, error) if known.status in FINISHED else error
