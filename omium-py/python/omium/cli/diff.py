"""`omium diff A@1 B@4`: what changed between two checkpoints. `omium diff A B`: between two runs, call by call."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from omium.cli._errors import DONE
from omium.cli._status import channels, content_of, glance, tree
from omium.cli._target import entry_at, find, head_or, name_of, open_store, scope_of, split
from omium.cli._terminal import Terminal, age, plural, visible
from omium.view import _diff
from omium.view._inspect import Typed, to_json

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

    from omium._omium import Entry, Execution, Store, Value
    from omium.cli._trajectory import Pair
    from omium.view._diff import Change

__all__ = ["changes_between", "run"]

_STYLES = {"+": "green", "-": "red", "~": "yellow", " ": "dim"}


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Shows the changes; that there are some is no failure."""
    store = open_store(arguments)
    if arguments.new is not None and split(arguments.old)[1] is None and split(arguments.new)[1] is None:
        return _runs(store, find(store, arguments.old), find(store, arguments.new), arguments, terminal)
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


_MARKS = {"left": ("-", "red"), "right": ("+", "green"), "same": (" ", "dim")}


def _runs(store: Store, old: Execution, new: Execution, arguments: Namespace, terminal: Terminal) -> int:
    """The calls of two runs side by side, then how they ended."""
    from omium.cli._trajectory import folded, trajectory, without_made_ids

    seen: Callable[[Any], Any] = without_made_ids
    if arguments.full:
        seen = _whole
    pairs = trajectory(store, old.id, new.id, seen, whole=arguments.full)
    ends = list(_diff.diff(seen(_end(old)), seen(_end(new))))
    if arguments.json:
        terminal.json(
            {
                "old": old.id,
                "new": new.id,
                "calls": [
                    {
                        "name": pair.name,
                        "outcome": pair.outcome,
                        "old": pair.old.seq if pair.old else None,
                        "new": pair.new.seq if pair.new else None,
                        "changes": [_json(change) for change in pair.changes],
                    }
                    for pair in pairs
                ],
                "changes": [_json(change) for change in ends],
            }
        )
        return DONE
    terminal.print(terminal.style(f"--- {_run_title(old, terminal)}", "bold"))
    terminal.print(terminal.style(f"+++ {_run_title(new, terminal)}", "bold"))
    limit = None if arguments.full else 40
    for group in [[pair] for pair in pairs] if arguments.full else folded(pairs):
        if len(group) > 1:
            text = f"  {plural(len(group), 'call')} the same, {_seqs(group[0])} to {_seqs(group[-1])}"
            terminal.print(terminal.style(text, "dim"))
        else:
            _show_pair(group[0], limit, terminal)
    for line in _diff.render(ends, width=terminal.width, limit=limit):
        terminal.print(terminal.style(line.text, _STYLES[line.mark]))
    if not ends and all(pair.outcome == "same" for pair in pairs):
        terminal.note("no difference")
    return DONE


def _whole(content: Any) -> Any:
    return content


def _show_pair(pair: Pair, limit: int | None, terminal: Terminal) -> None:
    outcome = pair.outcome
    mark, style = _MARKS.get(outcome, ("~", "yellow"))
    alone = pair.old if pair.new is None else pair.new if pair.old is None else None
    remark = f"other {outcome}" if mark == "~" else ""
    if alone is not None:
        remark = glance(alone)
    text = f"{mark} {terminal.clip(pair.name, terminal.width // 2)}  {_seqs(pair)}  {visible(remark)}".rstrip()
    terminal.print(terminal.style(text, style))
    for line in _diff.render(pair.changes, width=terminal.width - 4, limit=limit):
        terminal.print(terminal.style(f"    {line.text}", _STYLES[line.mark]))


def _seqs(pair: Pair) -> str:
    return " ".join(f"@{entry.seq}" if entry else "-" for entry in (pair.old, pair.new))


def _end(execution: Execution) -> dict[str, Any]:
    end = {"status": execution.status}
    if execution.workflow == "langgraph":
        return end
    return {**end, "arguments": tree(execution.input), "error": execution.error, "result": tree(execution.result)}


def _run_title(execution: Execution, terminal: Terminal) -> str:
    id = terminal.clip(execution.id, terminal.width // 2)
    return f"{id}  {terminal.clip(execution.workflow, terminal.width // 4)}  {age(execution.updated_ms)}"


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


class Known(NamedTuple):
    """A value as it was known at some entry: the result of a step, or a named value of a state."""

    name: str
    address: tuple[str, str, int]
    value: Value | None
    error: str | None

    @property
    def identity(self) -> tuple[bytes | None, str | None]:
        return self.value.digest if self.value else None, self.error

    @property
    def content(self) -> Any:
        return Typed("failed", self.error) if self.error else tree(self.value)


def changes_between(store: Store, old: tuple[Execution, int], new: tuple[Execution, int]) -> Iterator[Change]:
    """The differences of the two states; values with equal digests are not even read."""
    before, after = _known(store, *old), _known(store, *new)
    names = Counter(known.name for known in before), Counter(known.name for known in after)
    seen: Counter[str] = Counter()
    for was, now in _paired(before, after):
        name = (now or was or before[0]).name
        seen[name] += 1
        path = f"{name}#{seen[name]}" if max(names[0][name], names[1][name]) > 1 else name
        if now is None and was is not None:
            yield _diff.Change(path, "removed", was.content, _diff.MISSING)
        elif was is None and now is not None:
            yield _diff.Change(path, "added", _diff.MISSING, now.content)
        elif was is not None and now is not None and was.identity != now.identity:
            yield from _diff.diff(was.content, now.content, path)


def _paired(before: list[Known], after: list[Known]) -> Iterator[tuple[Known | None, Known | None]]:
    """The same call on both sides where there is one, else the next call of the same step."""
    old = {known.address: known for known in before}
    new = {known.address for known in after}
    left: dict[str, list[Known]] = {}
    for known in before:
        if known.address not in new:
            left.setdefault(known.name, []).append(known)
    for known in after:
        same = old.get(known.address)
        others = left.get(known.name, [])
        yield same or (others.pop(0) if others else None), known
    for others in left.values():
        for known in others:
            yield known, None


def _known(store: Store, execution: Execution, seq: int) -> list[Known]:
    """What was known at `seq`: every result on its lineage, and the values of the newest state."""
    if seq == 0:
        return []
    lineage = _lineage(store, execution, seq)
    known: dict[tuple[str, str, int], Known] = {}
    states: dict[str, dict[str, Value]] = {}
    for entry in lineage:
        content = content_of(entry)
        if not isinstance(content, dict):
            name = visible(" › ".join([*scope_of(entry.scope), entry.name]))
            address = (entry.scope, entry.key, entry.occurrence)
            known[address] = Known(name, address, content, entry.error)
        else:
            states[entry.scope] = content
    # Of the states of subgraphs only that one counts which was asked for.
    scope = lineage[-1].scope if lineage[-1].scope in states else ""
    for name, value in channels(states.get(scope, {})).items():
        known[scope, name, -1] = Known(visible(name), (scope, name, -1), value, None)
    return list(known.values())


def _lineage(store: Store, execution: Execution, seq: int) -> list[Entry]:
    by_seq = {entry.seq: entry for entry in store.entries(execution.id, all=True)}
    found = []
    while seq in by_seq:
        found.append(by_seq[seq])
        seq = by_seq[seq].parent
    return found[::-1]
