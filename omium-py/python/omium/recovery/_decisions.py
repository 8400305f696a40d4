"""What is decided about a failure, and the notes that tell of it: on record, so that a kill changes nothing.

A rollback that was decided and not made is made when the execution is opened next; a retry is what a
resume does anyway; a question waits in the record for its answer.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from omium import _omium, codec
from omium.recovery import _failure
from omium.recovery._classes import is_among
from omium.recovery._failure import Failure
from omium.runtime._behind import failures_behind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omium.recovery._policy import Recovery
    from omium.runtime._live import LiveRun
    from omium.runtime._place import Place

__all__ = [
    "SCOPE",
    "Decided",
    "before",
    "crashed",
    "decide",
    "ended",
    "is_note",
    "note",
    "pending",
    "repairs",
    "tail",
    "within",
]

SCOPE = "recovery"
"""Where notes about the run as a whole stand; no code claims a place in it."""

_NOTE = "failure"
_TAIL = 64
"""How many entries other strands may have added after a failure before the run had unwound."""

Decided = dict[str, Any]


def decide(
    policy: Recovery | None,
    run: LiveRun,
    name: str,
    error: Exception,
    failure: Failure,
    *,
    kind: str | None = None,
    again: bool = True,
) -> Decided | None:
    """What is done about a failure of `name`, to be recorded with it. `again`: whether it may run once more."""
    if policy is None or run.trial is not None or not is_among(policy.on, error, kind):
        return None
    why = None
    target = policy.target(_rollbacks(run, name))
    if target is not None:
        to = before(run.store.entries(run.native.id), target) if run.rewinds else None
        if to is not None:
            return {"action": "rollback", "target": target, "to": to}
        why = f"there is no finished {target!r} to go back to" if run.rewinds else "a host framework runs it"
    if policy.ask:
        answers = "'retry', 'fail' or {'value': ...}" if again else "'fail' or {'value': ...}"
        question = f"{name} failed: {failure.error}: {failure.message}; answer {answers}"
        return {"action": "ask", "question": question, **({"why": why} if why else {})}
    return {"action": "fail", **({"why": why} if why else {})}


def _rollbacks(run: LiveRun, name: str) -> int:
    """How many were made for failures of `name`, whatever lineage they are on."""
    if run.native.epoch == 0:
        return 0
    decided = [
        _failure.decision(each)
        for each in run.store.entries(run.native.id, all=True)
        if (each.name == name and (each.status == "failed" or each.kind == "effect")) or is_note(each)
    ]
    return sum(1 for each in decided if each and each["action"] == "rollback" and each.get("of", name) == name)


def before(live: Sequence[_omium.Entry], target: str) -> int | None:
    """Where to go back to so that the latest `target` runs anew, with everything it calls."""
    found = next((each for each in reversed(live) if each.name == target and each.status == "done"), None)
    if found is None:
        return None
    first = next(each for each in live if _same(each, found) or within(each.scope, found))
    return first.parent


def _same(one: _omium.Entry, other: _omium.Entry) -> bool:
    return (one.scope, one.key, one.occurrence) == (other.scope, other.key, other.occurrence)


def within(scope: str, entry: _omium.Entry | Place) -> bool:
    """Whether what stands in that scope was called by the entry, or by what has that place."""
    base = entry.path
    return scope.startswith(base) and scope[len(base) : len(base) + 1] in ("", "/", "~", ":")


def repairs(store: _omium.Store, id: str) -> dict[str, Failure]:
    """Which steps are run again after a rollback, and why: those not finished since."""
    found: dict[str, Failure] = {}
    for entry in store.entries(id, all=True):
        decided = _failure.decision(entry)
        failure = _failure.of_entry(entry)
        if decided is not None and failure is not None and decided["action"] == "rollback":
            found[decided["target"]] = failure
        elif entry.status == "done" and entry.live:
            found.pop(entry.name, None)
    return found


def pending(store: _omium.Store, id: str) -> int | None:
    """The entry to go back to, when that was decided and a crash came first."""
    if store.execution(id).status == "completed":
        return None
    for entry in tail(store, id):
        decided = _failure.decision(entry)
        if decided is not None and decided["action"] == "rollback":
            to: int = decided["to"]
            return to
    return None


def note(run: LiveRun, failure: Failure, decided: Decided | None = None) -> int:
    """Records a failure of the run as a whole; returns its seq."""
    claim = run.native.claim("note", SCOPE, _NOTE, os.urandom(16), spawned=True)
    return run.native.commit(
        claim, codec.dumps(None), meta=codec.dumps({**_failure.record(failure, decided), **run.introduction()})
    )


def ended(run: LiveRun, error: BaseException) -> None:
    """Notes what ends the run, unless an entry tells of it already."""
    if failures_behind(error):
        return
    failure = _failure.of(error)
    known = (_failure.of_entry(each) for each in tail(run.store, run.native.id))
    if not any(each is not None and (each.error, each.message) == failure[1:3] for each in known):
        note(run, failure)


def tail(store: _omium.Store, id: str) -> list[_omium.Entry]:
    """The newest live entries, the last first."""
    head = store.execution(id).head
    return store.entries(id, after=max(head - _TAIL, 0))[::-1]


def crashed(run: LiveRun, owner: str) -> None:
    """Notes that the process before this one died at it."""
    message = f"{owner} ended while it ran the execution, and did not give it back"
    note(run, Failure("crash", "Crash", message))


def is_note(entry: _omium.Entry) -> bool:
    return entry.kind == "note" and entry.scope == SCOPE
