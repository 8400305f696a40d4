"""Why an execution failed: the failure, what it was made of, and what is different from the last good run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from omium.exceptions import InvalidInput
from omium.recovery import _changes
from omium.recovery._decisions import SCOPE, within
from omium.recovery._failure import Failure, of_entry
from omium.recovery._said import given, said
from omium.recovery.lineage import Outputs, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from omium import _omium
    from omium.recovery._changes import Changed

__all__ = ["Explanation", "Link", "explain"]

_LINKS_MAX = 300
_NEAR = 200
_CALLS = ("step", "effect", "llm", "tool")


class Link(NamedTuple):
    """One step back in the chain."""

    entry: _omium.Entry
    source: Source
    into: int
    """The entry it went into."""


class Explanation(NamedTuple):
    """What is known about a failure without running anything."""

    failure: Failure
    entry: _omium.Entry
    chain: tuple[Link, ...]
    """What the failure was made of, the nearest first."""
    good: _omium.Execution | None
    """The last completed execution of the same workflow."""
    facts: tuple[str, ...]
    """What differs about the executions themselves."""
    changes: tuple[Changed, ...]
    suspects: tuple[int, ...]
    """Entries that may be to blame, the likeliest first."""

    def counterpart(self, seq: int) -> _omium.Entry | None:
        """What stands in its place in the last good run, and is not the same."""
        return next((each.good for each in self.changes if each.entry.seq == seq), None)

    def way_to(self, seq: int) -> tuple[Link, ...]:
        """The links from the failure back to an entry; none when it is not in the chain."""
        links = {link.entry.seq: link for link in self.chain}
        way: list[Link] = []
        while seq in links and len(way) < len(links):
            way.insert(0, links[seq])
            seq = links[seq].into
        return tuple(way)


def explain(store: _omium.Store, execution: _omium.Execution) -> Explanation:
    """Everything the record tells about the newest failure."""
    everything = store.entries(execution.id, all=True)
    failed = [(each, failure) for each in everything if (failure := of_entry(each)) is not None]
    failed = [each for each in failed if each[1].type != "crash"] or failed
    if not failed:
        raise InvalidInput(f"nothing failed in {execution.id!r}")
    entry, failure = next((each for each in reversed(failed) if each[0].live), failed[-1])
    before = [each for each in everything if each.seq < entry.seq and _counts(each, entry)]
    origins = _Origins(before, entry)
    # A step that hangs has no entry yet, so nothing is known of what it was given.
    hangs = entry.kind == "note" and failure.step is not None
    chain = () if hangs else tuple(origins.chain())
    good = _last_good(store, execution)
    changes: tuple[Changed, ...] = ()
    facts: tuple[str, ...] = ()
    if good is not None:
        then = [each for each in store.entries(good.id) if each.kind in _CALLS and each.status == "done"]
        present = [*before, entry] if entry.kind in _CALLS else before
        changes = _changes.between(present, then, origins.of)
        facts = _changes.facts(execution, everything, good, store.entries(good.id))
    suspects = _suspects(entry, chain, changes)
    return Explanation(failure, entry, chain, good, facts, changes, suspects)


def _counts(each: _omium.Entry, entry: _omium.Entry) -> bool:
    same = each.live or not entry.live
    return same and each.status == "done" and each.kind in _CALLS and each.scope != SCOPE


class _Origins:
    """Which entries each entry was made of."""

    def __init__(self, before: Sequence[_omium.Entry], failed: _omium.Entry) -> None:
        self._before = before
        self._failed = failed
        self._by_seq = {each.seq: each for each in before}
        self._outputs = Outputs((each.seq, said(each)) for each in before if each.value is not None)
        self._known: dict[int, list[Source]] = {}

    def of(self, entry: _omium.Entry) -> list[Source]:
        """The sources of an entry, whether they went into it at once or through others."""
        if entry.seq not in self._known:

            def may(seq: int) -> bool:
                return seq < entry.seq and not within(self._by_seq[seq].scope, entry)

            self._known[entry.seq] = self._outputs.within(given(entry), among=may)
        return self._known[entry.seq]

    def chain(self) -> Iterator[Link]:
        """Everything the failure came from, breadth first, each entry once, under what it went into at once."""
        seen = {self._failed.seq}
        ahead = [self._failed]
        if self._failed.kind == "note":
            # The workflow itself failed: what its steps gave is all it was made of.
            ahead = [each for each in self._before if each.scope == ""][-1:]
            seen |= {each.seq for each in ahead}
            for each in ahead:
                yield Link(each, Source(each.seq, "whole", ""), self._failed.seq)
        while ahead and len(seen) <= _LINKS_MAX:
            into = ahead.pop(0)
            for source in self._direct(into):
                if source.seq not in seen:
                    seen.add(source.seq)
                    ahead.append(self._by_seq[source.seq])
                    yield Link(self._by_seq[source.seq], source, into.seq)

    def _direct(self, entry: _omium.Entry) -> list[Source]:
        """Its sources, but for those that also went into another one of them."""
        sources = self.of(entry)
        through = {inner.seq for each in sources for inner in self.of(self._by_seq[each.seq])}
        return [each for each in sources if each.seq not in through]


def suspect_of(failed: _omium.Entry, entries: Sequence[_omium.Entry]) -> int | None:
    """The entry whose output a failed one was given, the surest and newest; None when there is none such."""
    if failed.kind == "note" or failed.input is None:
        return None
    before = [each for each in entries if each.seq < failed.seq and _counts(each, failed)]
    outputs = Outputs((each.seq, said(each)) for each in before[-_NEAR:] if not within(each.scope, failed))
    found = outputs.within(given(failed))
    return found[0].seq if found else None


def _last_good(store: _omium.Store, execution: _omium.Execution) -> _omium.Execution | None:
    done = store.executions(workflow=execution.workflow, status="completed")
    return next((each for each in done if each.id != execution.id), None)


_LIKELY = {"output": 0, "code": 1, "input": 2}


def _suspects(entry: _omium.Entry, chain: Sequence[Link], changes: Sequence[Changed]) -> tuple[int, ...]:
    """First what changed by itself and went into the failure, then what else did, then where the value came from."""
    related = {link.entry.seq: place for place, link in enumerate(chain)}
    changed = {each.entry.seq: each for each in changes}

    def rank(seq: int) -> tuple[bool, bool, int, int]:
        change = changed.get(seq)
        if change is None:
            return (True, seq != entry.seq and seq not in related, len(_LIKELY), related.get(seq, 0))
        within_it = seq in related or seq == entry.seq
        return (not change.first, not within_it, _LIKELY[change.what], seq)

    ranked = sorted({*related, *changed}, key=rank)
    return tuple(ranked) if ranked or entry.kind == "note" else (entry.seq,)
