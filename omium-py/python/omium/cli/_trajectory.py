"""Two runs beside each other: which calls they share, which had other inputs or came to something else."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from omium.cli._status import channels, content_of, is_call, tree
from omium.cli._target import name_of, scope_of
from omium.recovery._said import said
from omium.view import _diff
from omium.view._inspect import Typed, mapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Literal

    from omium._omium import Entry, Store, Value

    Outcome = Literal["same", "input", "output", "input and output", "left", "right"]

__all__ = ["Pair", "folded", "trajectory", "without_made_ids"]

_MADE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ROW = 4
"""Calls that are the same; fewer are shown."""


class Pair(NamedTuple):
    """A call in both runs, or in one of them."""

    old: Entry | None
    new: Entry | None
    changes: Sequence[_diff.Change] = ()
    """Of a call in both runs: what is different in what went in, then in what came out."""

    @property
    def name(self) -> str:
        entry = self.new or self.old
        return name_of(entry) if entry is not None else ""

    @property
    def outcome(self) -> Outcome:
        """What is different about it."""
        if self.new is None:
            return "left"
        if self.old is None:
            return "right"
        given = any(change.path.startswith("input") for change in self.changes)
        made = any(change.path.startswith("output") for change in self.changes)
        if given:
            return "input and output" if made else "input"
        return "output" if made else "same"


def without_made_ids(content: Any) -> Any:
    """The tree without UUIDs: those are new in every run, and tell nothing."""
    return mapped(content, lambda text: _MADE.sub("…", text))


def trajectory(store: Store, old: str, new: str, seen: Callable[[Any], Any], *, whole: bool = False) -> list[Pair]:
    """The calls on the two lineages in the order they were recorded, aligned by their names, compared as `seen`.

    Of a model's answer what it says is compared, and with `whole` its envelope too.

    What a state of a host has from the one before it is told of that one only.
    """
    before, after = _calls(store, old), _calls(store, new)
    told: set[str] = set()
    pairs = []
    for one, other in _aligned(before, after):
        changes = _changes(one, other, seen, whole) if one is not None and other is not None else []
        if other is not None and other.kind == "state":
            changes = [change for change in changes if repr(change) not in told]
            told.update(map(repr, changes))
        pairs.append(Pair(one, other, changes))
    return pairs


def _aligned(before: list[Entry], after: list[Entry]) -> Iterator[tuple[Entry | None, Entry | None]]:
    # The same call, inputs included, is found first: of many searches each is compared with itself.
    for i1, i2, j1, j2, same in _blocks([_exact(each) for each in before], [_exact(each) for each in after]):
        if same:
            yield from zip(before[i1:i2], after[j1:j2], strict=True)
        else:
            yield from _by_name(before[i1:i2], after[j1:j2])


def folded(pairs: list[Pair]) -> Iterator[list[Pair]]:
    """Long rows of calls that are the same in one piece, but for those beside a change; the others one by one."""
    for same, row in groupby(pairs, lambda pair: pair.outcome == "same"):
        alike = list(row)
        first, last = alike[0] is not pairs[0], alike[-1] is not pairs[-1]
        middle = alike[first : len(alike) - last]
        if not same or len(middle) < _ROW:
            yield from ([pair] for pair in alike)
        else:
            yield from ([pair] for pair in alike[:first])
            yield middle
            yield from ([pair] for pair in alike[len(alike) - last :])


def _by_name(before: list[Entry], after: list[Entry]) -> Iterator[tuple[Entry | None, Entry | None]]:
    for i1, i2, j1, j2, same in _blocks([_label(each) for each in before], [_label(each) for each in after]):
        if same:
            yield from zip(before[i1:i2], after[j1:j2], strict=True)
        else:
            yield from ((each, None) for each in before[i1:i2])
            yield from ((None, each) for each in after[j1:j2])


def _blocks(old: list[Any], new: list[Any]) -> Iterator[tuple[int, int, int, int, bool]]:
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        yield i1, i2, j1, j2, tag == "equal"


def _calls(store: Store, id: str) -> list[Entry]:
    return [entry for entry in store.entries(id) if is_call(entry)]


def _label(entry: Entry) -> tuple[Any, ...]:
    return (entry.kind, *scope_of(entry.scope), entry.name)


def _exact(entry: Entry) -> tuple[Any, ...]:
    # The key of a host's state is made anew in every run.
    return (*_label(entry), "" if entry.kind == "state" else entry.key)


def _changes(old: Entry, new: Entry, seen: Callable[[Any], Any], whole: bool) -> list[_diff.Change]:
    changes: list[_diff.Change] = []
    if _digest(old.input) != _digest(new.input):
        changes += _diff.diff(seen(tree(old.input)), seen(tree(new.input)), "input")
    if _identity(old) != _identity(new):
        changes += _diff.diff(seen(_came_out(old, whole)), seen(_came_out(new, whole)), "output")
    return changes


def _digest(value: Value | None) -> bytes | None:
    return None if value is None else value.digest


def _identity(entry: Entry) -> Any:
    content = content_of(entry)
    if isinstance(content, dict):
        return {name: value.digest for name, value in channels(content).items()}
    return _digest(content), entry.error


def _came_out(entry: Entry, whole: bool) -> Any:
    if entry.error is not None:
        return Typed("failed", entry.error)
    if entry.kind == "llm" and not whole and (words := said(entry)) is not None:
        return words
    content = content_of(entry)
    if isinstance(content, dict):
        return {name: tree(value) for name, value in channels(content).items()}
    return tree(content)
