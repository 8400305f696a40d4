"""`omium diff A@1 B@4`: what changed between two checkpoints, of one execution or of two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium import _diff
from omium._inspect import Typed, to_json
from omium.cli._errors import DONE
from omium.cli._status import tree
from omium.cli._target import entry_at, head_or, name_of, open_store
from omium.cli._terminal import Terminal, age, visible

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from omium._diff import Change
    from omium._omium import Entry, Execution, Store

__all__ = ["changes_between", "run"]

_STYLES = {"+": "green", "-": "red", "~": "yellow", " ": "dim"}


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Shows the changes; that there are some is no failure."""
    store = open_store(arguments)
    old = head_or(store, arguments.old)
    if arguments.new is None:
        new = old
        old = (old[0], entry_at(store, *old).parent)
    else:
        new = head_or(store, arguments.new)
    changes = changes_between(store, old, new)
    if arguments.json:
        terminal.json(
            {
                "old": f"{old[0].id}@{old[1]}",
                "new": f"{new[0].id}@{new[1]}",
                "changes": [_json(change) for change in changes],
            }
        )
        return DONE
    terminal.print(terminal.style(f"--- {_title(store, *old, terminal)}", "bold"))
    terminal.print(terminal.style(f"+++ {_title(store, *new, terminal)}", "bold"))
    limit = None if arguments.full else 200
    shown = 0
    for line in _diff.render(changes, width=terminal.width, limit=limit):
        terminal.print(terminal.style(line.text, _STYLES[line.mark]))
        shown += 1
    if not shown:
        terminal.note("no difference")
    return DONE


def _title(store: Store, execution: Execution, seq: int, terminal: Terminal) -> str:
    if seq == 0:
        return terminal.clip(f"{execution.id}@0", terminal.width - 24) + "  the beginning"
    entry = store.entry(execution.id, seq)
    id = terminal.clip(execution.id, terminal.width // 2)
    return f"{id}@{seq}  {terminal.clip(name_of(entry), terminal.width // 4)}  {age(entry.created_ms)}"


def _json(change: Change) -> dict[str, Any]:
    answer: dict[str, Any] = {"path": change.path, "op": change.op}
    if change.op != "added":
        answer["old"] = to_json(change.old)
    if change.op != "removed":
        answer["new"] = to_json(change.new)
    return answer


def changes_between(store: Store, old: tuple[Execution, int], new: tuple[Execution, int]) -> Iterator[Change]:
    """The differences of the two states; values with equal digests are not even read."""
    before, after = _state(store, *old), _state(store, *new)
    for name in [*before, *(name for name in after if name not in before)]:
        was, now = before.get(name), after.get(name)
        if was is None and now is not None:
            yield _diff.Change(name, "added", _diff.MISSING, _content(now))
        elif was is not None and now is None:
            yield _diff.Change(name, "removed", _content(was), _diff.MISSING)
        elif was is not None and now is not None and _identity(was) != _identity(now):
            yield from _diff.diff(_content(was), _content(now), name)


def _state(store: Store, execution: Execution, seq: int) -> dict[str, Entry | tuple[Entry, str]]:
    """What was known at `seq`: every result on its lineage, and the values of the newest state."""
    if seq == 0:
        return {}
    lineage = _lineage(store, execution, seq)
    scope = lineage[-1].scope if lineage[-1].kind == "state" else ""
    known: dict[str, Entry | tuple[Entry, str]] = {}
    state: Entry | None = None
    for entry in lineage:
        if entry.kind != "state":
            label = visible(f"{entry.scope} › {name_of(entry)}" if entry.scope else name_of(entry))
            known[label] = entry
        elif entry.scope == scope:
            state = entry
    if state is not None:
        # LangGraph's own triggers (branch:to:NODE) carry nothing; the log says which nodes ran.
        names = [name for name in state.values if not name.startswith("branch:")]
        known.update({visible(name): (state, name) for name in names})
    return known


def _lineage(store: Store, execution: Execution, seq: int) -> list[Entry]:
    by_seq = {entry.seq: entry for entry in store.entries(execution.id, all=True)}
    found = []
    while seq in by_seq:
        found.append(by_seq[seq])
        seq = by_seq[seq].parent
    return found[::-1]


def _content(place: Entry | tuple[Entry, str]) -> Any:
    if isinstance(place, tuple):
        return tree(place[0].values[place[1]])
    if place.status == "failed":
        return Typed("failed", place.error)
    return tree(place.value)


def _identity(place: Entry | tuple[Entry, str]) -> tuple[str, bytes, str | None]:
    if isinstance(place, tuple):
        value = place[0].values[place[1]]
        return value.codec, value.digest, None
    if place.value is None:
        return "", b"", place.error
    return place.value.codec, place.value.digest, place.error
