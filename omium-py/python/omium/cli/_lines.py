"""A log as people read it: a line for each thing that was done, with the states it went through, and notes in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from omium import codec
from omium.cli._target import scope_of
from omium.effects import _intent
from omium.recovery import _decisions, _failure
from omium.view._text import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from omium._omium import Entry

__all__ = ["Line", "lines", "said", "states"]

_TOLD_CHARS = 120


class Line(NamedTuple):
    """What was done, by its latest entry."""

    entry: Entry
    before: Sequence[Entry] = ()
    """The intents that came to this, oldest first."""


def lines(entries: Iterable[Entry]) -> list[Line]:
    """One for each entry, oldest first, but for those that a later one tells of.

    An intent stands in the line of what came of it, and an attempt that failed in that of its call, which counts them.
    """
    found: dict[int, Line] = {}
    open_at: dict[tuple[str, str, int, bool], Line] = {}
    tried: dict[tuple[str, bool], list[int]] = {}
    for entry in entries:
        if _is_attempt(entry):
            tried.setdefault((entry.scope, entry.live), []).append(entry.seq)
            found[entry.seq] = Line(entry)
            continue
        address = entry.scope, entry.key, entry.occurrence, entry.live
        begun = open_at.pop(address, None)
        line = Line(entry) if begun is None else Line(entry, (*begun.before, begun.entry))
        if begun is not None:
            del found[begun.entry.seq]
        if entry.status == "intent":
            open_at[address] = line
        elif entry.attempts > 1:
            for seq in tried.pop((entry.path, entry.live), ()):
                del found[seq]
        found[entry.seq] = line
    return [found[seq] for seq in sorted(found)]


def states(line: Line) -> str:
    """How it stands, and what it was before; of a note nothing, for it is told in words."""
    if line.entry.kind == "note" and said(line.entry) is not None:
        return ""
    now = _state(line.entry)
    tries = line.entry.attempts
    parts = [f"{_state(each)} @{each.seq}" for each in line.before]
    return ", ".join([*parts, now if tries <= 1 else f"{now} ({tries} tries)"])


def _state(entry: Entry) -> str:
    signal = entry.kind == "signal"
    if entry.status == "done":
        return "answered" if signal else "done"
    if entry.status == "failed":
        return "failed"
    if entry.kind in ("effect", "tool") and _intent.read(entry).cleared:
        return "did not happen"
    return "asked" if signal else "begun"


def said(entry: Entry) -> str | None:
    """What a note of omium's own tells, in words; None of everything else."""
    if entry.kind != "note":
        return None
    tell = _NOTES.get(entry.name)
    told = None if tell is None else tell(entry)
    return None if told is None else clip(told, _TOLD_CHARS)


def _failed(entry: Entry) -> str | None:
    failure = _failure.of_entry(entry)
    if failure is None or not _decisions.is_note(entry):
        return None
    if failure.type == "crash":
        return "the process that ran it died"
    decided = _failure.decision(entry) or {}
    back = decided.get("to")
    then = f"; back to @{back}" if back else "; back to the beginning" if back == 0 else ""
    what = "it is stuck" if failure.type == "stuck" else "the run failed"
    return f"{what}: {failure.error}: {failure.message.partition(chr(10))[0]}{then}"


def _tried(entry: Entry) -> str | None:
    told = _value(entry)
    if not isinstance(told, dict) or "failure" not in told:
        return None
    failure = _failure.restored(told["failure"])
    call = " › ".join(scope_of(entry.scope))
    return f"a try of {call} failed: {failure.error}: {failure.message.partition(chr(10))[0]}"


def _is_attempt(entry: Entry) -> bool:
    return entry.kind == "note" and entry.name == "attempt"


def _goes_back(entry: Entry) -> str | None:
    told = _value(entry)
    if entry.scope != _intent.UNDO or not isinstance(told, list):
        return None
    return f"a rollback to @{told[0]} began" + (", which gives effects up" if told[1] else "")


def _value(entry: Entry) -> object:
    return None if entry.value is None else codec.loads(entry.value.codec, entry.value.read())


_NOTES: dict[str, Callable[[Entry], str | None]] = {
    "failure": _failed,
    "attempt": _tried,
    "rollback": _goes_back,
    "cancelled": lambda entry: f"the program stopped waiting for @{entry.prev}",
    "ended": lambda entry: f"the run ended with @{entry.prev}",
}
"""By the names of the notes that omium makes about a run."""
