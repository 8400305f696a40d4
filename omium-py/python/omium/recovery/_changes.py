"""What is different from the last good run: of each call its code, its input, its output, and which came first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from omium.recovery._failure import meta
from omium.recovery._said import given, said
from omium.recovery._trial import steady
from omium.runtime import _code
from omium.view import _differences
from omium.view._diff import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omium import _omium
    from omium.recovery.lineage import Source

__all__ = ["Changed", "between", "facts"]


class Changed(NamedTuple):
    """A call that is not what it was in the last good run."""

    entry: _omium.Entry
    good: _omium.Entry
    what: str
    """`output`: the same input gave another output; `input`: it was given something else; `code`: neither."""
    lines: tuple[str, ...]
    """How the output, or else the input, differs."""
    code: tuple[str, ...]
    """What of its code is another: `own`, `checks`, and names of what it uses."""
    first: bool
    """False when it was only given what other changed calls made."""


def between(
    present: Sequence[_omium.Entry],
    good: Sequence[_omium.Entry],
    sources: Callable[[_omium.Entry], Sequence[Source]],
) -> tuple[Changed, ...]:
    """The calls that changed, in the order of the present run. `sources` says what a call was made of."""
    counterparts = _numbered(good)
    changed: dict[int, Changed] = {}
    for place, entry in _numbered(present).items():
        other = counterparts.get(place)
        change = None if other is None else _change(entry, other)
        if change is not None:
            handed_on = not change.code and change.what == "input"
            if handed_on and any(source.seq in changed for source in sources(entry)):
                change = change._replace(first=False)
            changed[entry.seq] = change
    return tuple(changed.values())


def _change(entry: _omium.Entry, other: _omium.Entry) -> Changed | None:
    code = _code.differences(meta(other).get("code"), meta(entry).get("code"))
    if entry.key != other.key or entry.name != other.name:
        return Changed(entry, other, "input", tuple(lines(given(other), given(entry))), code, first=True)
    if entry.status == "done" and not _same(entry, other):
        return Changed(entry, other, "output", tuple(lines(said(other), said(entry))), code, first=True)
    return Changed(entry, other, "code", (), code, first=True) if code else None


def _same(entry: _omium.Entry, other: _omium.Entry) -> bool:
    if entry.value is None or other.value is None:
        return entry.value is other.value
    return entry.value.digest == other.value.digest or (entry.kind == "llm" and said(entry) == said(other))


def facts(
    execution: _omium.Execution,
    entries: Sequence[_omium.Entry],
    good: _omium.Execution,
    then: Sequence[_omium.Entry],
) -> tuple[str, ...]:
    """What differs about the executions themselves."""
    found = []
    if execution.source != good.source:
        found.append(f"its code was {good.source} and is {execution.source}")
    old, new = _of_workflow(then), _of_workflow(entries)
    python = [each.get(_code.PYTHON) for each in (old, new)]
    if None not in python and python[0] != python[1]:
        found.append(f"Python was {python[0]} and is {python[1]}, so code is not compared")
    if code := _code.differences(old, new):
        found.append(f"the code of the workflow changed: {told(code)}")
    found += [f"its arguments: {line}" for line in _differences.lines(_blob(good.input), _blob(execution.input))]
    return tuple(found)


def told(code: Sequence[str]) -> str:
    """What of the code changed, in words."""
    words = {_code.OWN: "the function itself", _code.CHECKS: "its conditions"}
    return ", ".join(words.get(each, each) for each in code)


def _of_workflow(entries: Sequence[_omium.Entry]) -> dict[str, Any]:
    """The fingerprint of the workflow that ran last, as far as an entry tells of one."""
    for entry in reversed(entries):
        if found := meta(entry).get("workflow"):
            return dict(found)
    return {}


def _numbered(entries: Sequence[_omium.Entry]) -> dict[tuple[str, str, int], _omium.Entry]:
    """Entries by scope, name, and the how-manieth of that: inputs do not count, for they may differ.

    Nor does the model, which is in the name of a model call.
    """
    counts: dict[tuple[str, str], int] = {}
    found = {}
    for entry in entries:
        place = steady(entry.scope), "llm" if entry.kind == "llm" else entry.name
        counts[place] = counts.get(place, 0) + 1
        found[(*place, counts[place])] = entry
    return found


def _blob(value: _omium.Value | None) -> tuple[str, bytes] | None:
    return None if value is None else (value.codec, value.read())
