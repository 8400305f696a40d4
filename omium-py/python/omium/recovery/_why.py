"""Why an execution failed: the failure, what it was made of, and what is different from the last good run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from omium import _differences
from omium._inspect import plain
from omium.exceptions import InvalidInput
from omium.recovery import SCOPE
from omium.recovery._actions import within
from omium.recovery._failure import Failure, of_entry
from omium.recovery.lineage import Source, sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omium import _omium

__all__ = ["Changed", "Explanation", "Link", "explain"]

_BYTES_MAX = 1_000_000
_DEPTH_MAX = 8
_NEAR = 200
_CALLS = ("step", "effect", "llm", "tool")


class Link(NamedTuple):
    """One step back in the chain."""

    entry: _omium.Entry
    source: Source
    into: int
    """The entry it went into."""


class Changed(NamedTuple):
    """An entry that is not what it was in the last good run."""

    entry: _omium.Entry
    good: _omium.Entry
    what: str
    """`output`: the same input gave another output; `input`: it was given something else."""
    lines: tuple[str, ...]


class Explanation(NamedTuple):
    """What is known about a failure without running anything."""

    failure: Failure
    entry: _omium.Entry
    chain: tuple[Link, ...]
    good: _omium.Execution | None
    """The last completed execution of the same workflow."""
    facts: tuple[str, ...]
    """What differs about the executions themselves."""
    changes: tuple[Changed, ...]
    suspects: tuple[int, ...]
    """Entries that may be to blame, the likeliest first."""

    def counterpart(self, seq: int) -> _omium.Entry | None:
        """What stands in its place in the last good run."""
        return next((each.good for each in self.changes if each.entry.seq == seq), None)


def explain(store: _omium.Store, execution: _omium.Execution) -> Explanation:
    """Everything the record tells about the newest failure."""
    everything = store.entries(execution.id, all=True)
    failed = [(each, failure) for each in everything if (failure := of_entry(each)) is not None]
    failed = [each for each in failed if each[1].type != "crash"] or failed
    if not failed:
        raise InvalidInput(f"nothing failed in {execution.id!r}")
    entry, failure = next((each for each in reversed(failed) if each[0].live), failed[-1])
    before = [each for each in everything if each.seq < entry.seq and _counts(each, entry)]
    chain = _chain(entry, before)
    good = _last_good(store, execution)
    changes: tuple[Changed, ...] = ()
    facts: tuple[str, ...] = ()
    if good is not None:
        changes = _changes(before, store.entries(good.id))
        facts = _facts(execution, good)
    suspects = _suspects(entry, chain, changes)
    return Explanation(failure, entry, chain, good, facts, changes, suspects)


def _counts(each: _omium.Entry, entry: _omium.Entry) -> bool:
    same = each.live or not entry.live
    return same and each.status == "done" and each.kind in _CALLS and each.scope != SCOPE


def _chain(failed: _omium.Entry, before: Sequence[_omium.Entry]) -> tuple[Link, ...]:
    by_seq = {each.seq: each for each in before}
    outputs = [(each.seq, _tree(each.value)) for each in before if each.value is not None]
    links: dict[int, Link] = {}
    ahead = [failed]
    if failed.kind == "note":
        # The workflow itself failed: what its steps gave is all it was made of.
        ahead = [each for each in before if each.scope == ""][-1:]
        links = {each.seq: Link(each, Source(each.seq, "whole", ""), failed.seq) for each in ahead}
    for _ in range(_DEPTH_MAX):
        consumers, ahead = ahead, []
        for consumer in consumers:
            earlier = [
                (seq, tree)
                for seq, tree in outputs
                if seq < consumer.seq and not within(by_seq[seq].scope, consumer) and seq not in links
            ]
            for source in sources(_tree(consumer.input), earlier):
                if source.seq not in links:
                    links[source.seq] = Link(by_seq[source.seq], source, consumer.seq)
                    ahead.append(by_seq[source.seq])
    return tuple(links.values())


def suspect_of(failed: _omium.Entry, entries: Sequence[_omium.Entry]) -> int | None:
    """The entry whose output a failed one was given, the surest and newest; None when there is none such."""
    if failed.kind == "note" or failed.input is None:
        return None
    before = [each for each in entries if each.seq < failed.seq and _counts(each, failed)]
    outputs = [(each.seq, _tree(each.value)) for each in before[-_NEAR:] if not within(each.scope, failed)]
    found = sources(_tree(failed.input), outputs)
    return found[0].seq if found else None


def _last_good(store: _omium.Store, execution: _omium.Execution) -> _omium.Execution | None:
    done = store.executions(workflow=execution.workflow, status="completed")
    return next((each for each in done if each.id != execution.id), None)


def _facts(execution: _omium.Execution, good: _omium.Execution) -> tuple[str, ...]:
    facts = []
    if execution.source != good.source:
        facts.append(f"its code was {good.source} and is {execution.source}")
    facts += [f"its arguments: {line}" for line in _differences.lines(_blob(good.input), _blob(execution.input))]
    return tuple(facts)


def _changes(present: Sequence[_omium.Entry], good: Sequence[_omium.Entry]) -> tuple[Changed, ...]:
    counterparts = _numbered([each for each in good if each.status == "done" and each.kind in _CALLS])
    changed = []
    for place, entry in _numbered(present).items():
        other = counterparts.get(place)
        if other is None or _same(entry.value, other.value):
            continue
        what = "output" if entry.key == other.key else "input"
        lines = tuple(_differences.lines(_blob(other.value), _blob(entry.value)))
        changed.append(Changed(entry, other, what, lines))
    return tuple(sorted(changed, key=lambda each: each.entry.seq))


def _numbered(entries: Sequence[_omium.Entry]) -> dict[tuple[str, str, int], _omium.Entry]:
    """Entries by scope, name, and the how-manieth of that: inputs do not count, for they may differ."""
    counts: dict[tuple[str, str], int] = {}
    found = {}
    for entry in entries:
        place = _DIGEST.sub("", entry.scope), entry.name
        counts[place] = counts.get(place, 0) + 1
        found[(*place, counts[place])] = entry
    return found


_DIGEST = re.compile(r"~[0-9a-f]{24}(?=#)")


def _suspects(entry: _omium.Entry, chain: Sequence[Link], changes: Sequence[Changed]) -> tuple[int, ...]:
    """First what gave another output for the same input, then what else changed, then where the value came from."""
    related = [link.entry.seq for link in chain]
    changed = {each.entry.seq: each.what for each in changes}
    ranked = sorted(
        {*related, *changed},
        key=lambda seq: (
            seq not in related,
            {"output": 0, "input": 1}.get(changed.get(seq, ""), 2),
            seq if seq in changed else -seq,
        ),
    )
    return (*ranked, entry.seq) if not ranked and entry.kind != "note" else tuple(ranked)


def _same(one: _omium.Value | None, other: _omium.Value | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.digest == other.digest


def _blob(value: _omium.Value | None) -> tuple[str, bytes] | None:
    return None if value is None else (value.codec, value.read())


def _tree(value: _omium.Value | None) -> Any:
    if value is None or value.size_bytes > _BYTES_MAX:
        return None
    return plain(value.codec, value.read())
