"""What a replay found: the code against the record."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from omium import _omium, codec, config
from omium.codec import ON_RECORD
from omium.exceptions import CheckFailed, Divergence, InvalidInput, OmiumError, RecordedFailure
from omium.runtime import _context
from omium.runtime._live import describe
from omium.view import _differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from omium._session import Session

__all__ = ["ReplayReport", "ThreadInReplay", "of_program", "opened", "reading", "report"]

_CALLS = ("step", "effect", "llm", "tool")

opened: list[Session[Any]] | None = None
"""What a program that is replayed has opened so far; None in every other."""


class ThreadInReplay(InvalidInput):
    """The replayed code would run a LangGraph graph on its thread."""

    def __init__(self, message: str, thread: str) -> None:
        super().__init__(message)
        self.thread = thread


class ReplayReport(NamedTuple):
    """The outcome of `replay()`. Without differences `diverged_at` is None."""

    steps: int
    """Entries that were answered from the record."""
    diverged_at: int | None = None
    """The recorded entry at, or after, which the code went another way."""
    differences: tuple[str, ...] = ()


@contextmanager
def reading(path: str) -> Iterator[list[Session[Any]]]:
    """Meanwhile that store is the only one, is only read, and answers all that runs; yields what is opened."""
    global opened
    before = opened, config.confined(), config.read_only()
    config.confine(path, read_only=True)
    sessions: list[Session[Any]] = []
    opened = sessions
    _context.all_replays = True
    _context.refuse_outside = _refuse
    try:
        yield sessions
    finally:
        opened = before[0]
        _context.all_replays = opened is not None
        _context.refuse_outside = None if opened is None else _refuse
        config.confine(before[1], read_only=before[2])


def _refuse(_: str, name: str) -> None:
    raise Divergence(
        f"{name} is called outside of any execution: it is on no record, and a replay runs nothing. Start threads "
        "inside the execution, or with contextvars.copy_context().run"
    )


def of_program(
    sessions: Sequence[Session[Any]], known: _omium.Execution, ended: Exception | None = None
) -> ReplayReport:
    """Judges every session of one execution that a replayed program opened, one after the other.

    What the program ended with is raised when it came from elsewhere and cut them short.
    """
    *before, last = sessions
    errors = [_came_to(each) for each in sessions]
    error = next((each for each in errors if isinstance(each, Divergence) or _is_own(each, known)), errors[-1])
    found = report(last, known, error, before)
    if ended is not None and found.diverged_at is not None and not any(each.has_met(ended) for each in sessions):
        raise ended
    return found


def _came_to(session: Session[Any]) -> Exception | None:
    error = session.run.aborted or session.error
    return error if isinstance(error, Exception) else None


def report(
    session: Session[Any], known: _omium.Execution, error: Exception | None, before: Sequence[Session[Any]] = ()
) -> ReplayReport:
    """Judges a session in record mode that has ended, with its result or an error.

    `before` are those of the same execution that the program opened earlier. An error of omium's own that says
    nothing of the code, such as damage, is raised: there is nothing to judge.
    """
    if error is not None and (not session.begun or _is_own(error, known)):
        raise error
    natives = [each.run.native for each in (*before, session)]
    entries = session.run.store.entries(known.id)
    asked = {each.seq for each in entries if any(native.consumed(each.seq) for native in natives)}
    # An intent without its receipt answers nothing.
    steps = sum(each.seq in asked for each in entries if each.status != "intent")
    if isinstance(error, Divergence):
        own = error.seq if error.execution in (None, known.id) else None
        if own is None and known.status not in ("completed", "failed"):
            # An unfinished execution: the code reached the end of its record without a difference.
            return ReplayReport(steps)
        at = known.head if own is None else own
        return ReplayReport(steps, at, tuple(str(error).splitlines()))
    left = [each for each in entries if each.seq not in asked and _is_called(each)]
    if left:
        return ReplayReport(steps, left[0].seq, tuple(f"@{each.seq} {each.name} was not called" for each in left))
    differences = _ends(session, known, error)
    return ReplayReport(steps, known.head if differences else None, differences)


def _is_own(error: Exception | None, known: _omium.Execution) -> bool:
    """Whether it is omium that could not go on, rather than the code that did something else, or failed."""
    if not isinstance(error, OmiumError) or isinstance(error, CheckFailed | Divergence | RecordedFailure):
        return False
    ours = type(error).__module__.partition(".")[0] == __name__.partition(".")[0]
    answered = ON_RECORD in vars(error) or (known.status == "failed" and describe(error) == known.error)
    return ours and not answered


def _is_called(entry: _omium.Entry) -> bool:
    """Whether the code itself makes the call. What ran inside a recorded step stands behind its result."""
    return entry.kind in _CALLS and entry.scope == "" and entry.status == "done"


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
