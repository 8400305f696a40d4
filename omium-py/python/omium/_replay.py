"""What a replay found: the code against the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from omium import _omium, codec
from omium.exceptions import Divergence, RecordedFailure
from omium.runtime._live import describe
from omium.view import _differences

if TYPE_CHECKING:
    from omium._session import Session

__all__ = ["ReplayReport", "read", "report"]

_CALLS = ("step", "effect", "llm", "tool")

read: list[Session[Any]] | None = None
"""Of a program that runs on its record alone, what it has opened; None: what is opened may run."""


class ReplayReport(NamedTuple):
    """The outcome of `replay()`. Without differences `diverged_at` is None."""

    steps: int
    """Entries that were answered from the record."""
    diverged_at: int | None = None
    """The recorded entry at, or after, which the code went another way."""
    differences: tuple[str, ...] = ()


def report(session: Session[Any], known: _omium.Execution, error: Exception | None) -> ReplayReport:
    """Judges a session in record mode that has ended, with its result or an error."""
    native = session.run.native
    entries = session.run.store.entries(native.id)
    # An intent without its receipt answers nothing.
    steps = sum(native.consumed(each.seq) for each in entries if each.status != "intent")
    if isinstance(error, Divergence):
        if error.seq is None and known.status not in ("completed", "failed"):
            # An unfinished execution: the code reached the end of its record without a difference.
            return ReplayReport(steps)
        at = known.head if error.seq is None else error.seq
        return ReplayReport(steps, at, tuple(str(error).splitlines()))
    left = [each for each in entries if _is_left_out(session, each)]
    if left:
        return ReplayReport(steps, left[0].seq, tuple(f"@{each.seq} {each.name} was not called" for each in left))
    differences = _ends(session, known, error)
    return ReplayReport(steps, known.head if differences else None, differences)


def _is_left_out(session: Session[Any], entry: _omium.Entry) -> bool:
    """Whether the code did not make a recorded call. What ran inside a recorded step stands behind its result."""
    done = entry.kind in _CALLS and entry.scope == "" and entry.status == "done"
    return done and not session.run.native.consumed(entry.seq)


def _ends(session: Session[Any], known: _omium.Execution, error: Exception | None) -> tuple[str, ...]:
    if known.status == "failed":
        if error is None:
            return (f"the code returned, where the record failed with {known.error}",)
        if isinstance(error, RecordedFailure) or describe(error) == known.error:
            return ()
        return (f"the code failed with {describe(error)}, the record with {known.error}",)
    if known.status != "completed":
        return ()
    if error is not None:
        return (f"the code failed with {describe(error)}, where the record has a result",)
    return _results(session, known.result)


def _results(session: Session[Any], recorded: _omium.Value | None) -> tuple[str, ...]:
    present = None if session.result is None else codec.dumps(session.result, session.run.codec)
    lines = _differences.lines(None if recorded is None else (recorded.codec, recorded.read()), present)
    return ("the result is another one", *lines) if lines else ()
