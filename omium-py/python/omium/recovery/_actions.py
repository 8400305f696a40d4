"""Carrying out what was decided about a failure: going back, running again, asking a person."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from omium.recovery import _failure
from omium.recovery._decisions import SCOPE, decide, is_note, note, pending, tail
from omium.runtime import _asking, _context
from omium.runtime._live import Rewind, is_abort

if TYPE_CHECKING:
    from omium._omium import Store
    from omium.recovery._decisions import Decided
    from omium.recovery._policy import Recovery
    from omium.runtime._live import LiveRun
    from omium.runtime._place import Place

__all__ = ["GoOn", "acarry", "asked", "carry", "due", "left", "unwind"]

_NOBODY = -1
"""No strand: a claim made under it is the first of a new one."""


class GoOn(NamedTuple):
    """How a step goes on after its failure: it runs again, or a person has given its value."""

    given: bool = False
    value: Any = None


def carry(place: Place, error: Exception) -> GoOn | None:
    """Does what was decided. None: the failure is the caller's."""
    question = _question(place, error)
    if question is None:
        return None
    while True:
        understood, go_on = _understood(_asking.ask(question))
        if understood:
            return go_on


async def acarry(place: Place, error: Exception) -> GoOn | None:
    """`carry` for async code."""
    question = _question(place, error)
    if question is None:
        return None
    while True:
        understood, go_on = _understood(await _asking.aask(question))
        if understood:
            return go_on


def _question(place: Place, error: Exception) -> str | None:
    """What to ask a person; None when nothing is. Unwinds the run when it is to go back."""
    decided = place.decided
    if decided is None:
        return None
    if decided["action"] == "rollback" and place.run.native.mode == "live":
        rewind = Rewind(error, to=decided["to"])
        place.run.abort(rewind)
        raise rewind
    return str(decided["question"]) if decided["action"] == "ask" else None


def _understood(answer: Any) -> tuple[bool, GoOn | None]:
    """Whether a person's answer is one, and what it means."""
    if isinstance(answer, dict) and set(answer) == {"value"}:
        return True, GoOn(given=True, value=answer["value"])
    return answer in ("retry", "fail"), GoOn() if answer == "retry" else None


def unwind(run: LiveRun, name: str, policy: Recovery | None, error: Exception) -> Rewind | None:
    """Notes the failure of a workflow itself and does what its policy says. None: it fails.

    Asking a person ends the run as `waiting`; the answer is looked for by `asked`.
    """
    if policy is None or is_abort(error) or run.native.mode == "record" or run.trial is not None:
        return None
    failure = _failure.of(error)
    decided = _retry(policy, run, name, error) or decide(policy, run, name, error, failure)
    if decided is None:
        return None
    seq = note(run, failure, {**decided, "of": name})
    if decided["action"] == "ask":
        _ask(run, f"{decided['question']} (@{seq})")
    if decided["action"] == "rollback":
        return Rewind(error, to=decided["to"])
    return Rewind(error, wait=decided["wait"]) if decided["action"] == "retry" else None


def left(store: Store, id: str) -> float:
    """Seconds until the retry of the workflow that was decided last, when a crash came before it."""
    return _until_retry(store, id) or 0.0


def due(store: Store, id: str) -> float | None:
    """Seconds until whoever ran it runs it again, as was decided about its last failure; None: nothing was."""
    return 0.0 if pending(store, id) is not None else _until_retry(store, id)


def _until_retry(store: Store, id: str) -> float | None:
    newest = next(iter(tail(store, id)), None)
    decided = _failure.decision(newest) if newest is not None and is_note(newest) else None
    if newest is None or decided is None or decided["action"] != "retry":
        return None
    wait: float = decided["wait"]
    # The clock may have been set since: what is left is within what was to be waited.
    return min(max(wait - (time.time_ns() // 1_000_000 - newest.created_ms) / 1000, 0.0), wait)


def _retry(policy: Recovery, run: LiveRun, name: str, error: Exception) -> Decided | None:
    """Counts the retries since the ladder last came to its end or to a person: then they begin anew."""
    made = 0
    for entry in run.store.entries(run.native.id):
        decided = _failure.decision(entry) if is_note(entry) else None
        if decided is not None and decided.get("of") == name:
            made = made + 1 if decided["action"] == "retry" else 0
    wait = policy.retry.wait(made + 1, error)
    return None if wait is None else {"action": "retry", "wait": wait}


def asked(run: LiveRun) -> GoOn | Literal["fail"] | None:
    """What a person answered about the failure the execution waits with; None: there is no such question.

    Raises Waiting while there is no answer.
    """
    for entry in tail(run.store, run.native.id):
        if is_note(entry):
            decided = _failure.decision(entry)
            if decided is None or decided["action"] != "ask":
                return None
            go_on = _ask(run, f"{decided['question']} (@{entry.seq})")
            failure = _failure.of_entry(entry)
            if go_on is None and failure is not None:
                note(run, failure, {"action": "fail", "of": decided["of"]})
            return go_on or "fail"
        if entry.scope != SCOPE:
            return None
    return None


def _ask(run: LiveRun, question: str) -> GoOn | None:
    outer = _context.current.get()
    _context.current.set(_context.Frame(run, SCOPE, 0, _NOBODY, host=_context.place()))
    try:
        while True:
            understood, go_on = _understood(_asking.ask(question))
            if understood:
                return go_on
    finally:
        _context.current.set(outer)
