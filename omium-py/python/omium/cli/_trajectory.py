"""Two runs beside each other: which calls they share, which had other inputs or came to something else."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, NamedTuple

from omium import _diff
from omium._inspect import Typed
from omium.cli._status import content_of, tree
from omium.cli._target import name_of, scope_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from omium._omium import Entry, Store

    Outcome = Literal["same", "input", "output", "input and output", "left", "right"]

__all__ = ["Pair", "trajectory"]

_CALLS = ("step", "effect", "llm", "tool", "state", "signal")


class Pair(NamedTuple):
    """A call in both runs, or in one of them."""

    old: Entry | None
    new: Entry | None

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
        given = _identity(self.old, inputs=True) != _identity(self.new, inputs=True)
        made = _identity(self.old) != _identity(self.new)
        if given:
            return "input and output" if made else "input"
        return "output" if made else "same"

    def changes(self) -> Iterator[_diff.Change]:
        """Of a call in both runs: what is different in what went in, then in what came out."""
        if self.old is None or self.new is None:
            return
        if "input" in self.outcome:
            yield from _diff.diff(tree(self.old.input), tree(self.new.input), "input")
        if "output" in self.outcome:
            yield from _diff.diff(_came_out(self.old), _came_out(self.new), "output")


def trajectory(store: Store, old: str, new: str) -> list[Pair]:
    """The calls on the two lineages in the order they were recorded, aligned by their names."""
    before, after = _calls(store, old), _calls(store, new)
    pairs: list[Pair] = []
    # The same call, inputs included, is found first: of many searches each is compared with itself.
    for i1, i2, j1, j2, same in _blocks([_exact(each) for each in before], [_exact(each) for each in after]):
        if same:
            pairs += map(Pair, before[i1:i2], after[j1:j2])
        else:
            pairs += _by_name(before[i1:i2], after[j1:j2])
    return pairs


def _by_name(before: list[Entry], after: list[Entry]) -> list[Pair]:
    pairs: list[Pair] = []
    for i1, i2, j1, j2, same in _blocks([_label(each) for each in before], [_label(each) for each in after]):
        if same:
            pairs += map(Pair, before[i1:i2], after[j1:j2])
        else:
            pairs += [Pair(each, None) for each in before[i1:i2]] + [Pair(None, each) for each in after[j1:j2]]
    return pairs


def _blocks(old: list[Any], new: list[Any]) -> Iterator[tuple[int, int, int, int, bool]]:
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        yield i1, i2, j1, j2, tag == "equal"


def _calls(store: Store, id: str) -> list[Entry]:
    return [entry for entry in store.entries(id) if entry.kind in _CALLS and entry.status != "intent"]


def _label(entry: Entry) -> tuple[Any, ...]:
    return (entry.kind, *scope_of(entry.scope), entry.name)


def _exact(entry: Entry) -> tuple[Any, ...]:
    # The key of a host's state is made anew in every run.
    return (*_label(entry), "" if entry.kind == "state" else entry.key)


def _identity(entry: Entry, *, inputs: bool = False) -> Any:
    if inputs:
        return None if entry.input is None else entry.input.digest
    content = content_of(entry)
    if isinstance(content, dict):
        return {name: value.digest for name, value in content.items() if not name.startswith("branch:")}
    return (None if content is None else content.digest, entry.error)


def _came_out(entry: Entry) -> Any:
    if entry.error is not None:
        return Typed("failed", entry.error)
    content = content_of(entry)
    if isinstance(content, dict):
        return {name: tree(value) for name, value in content.items() if not name.startswith("branch:")}
    return tree(content)
