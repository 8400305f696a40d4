"""Cause by experiment: the run again with a suspect's output replaced, in a store that is thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from omium.recovery._decisions import within
from omium.recovery._trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from omium import _omium
    from omium.codec import Blob
    from omium.recovery._why import Explanation

__all__ = ["Ended", "Plan", "Verdict", "experiment", "trial_of"]

_ORIGINAL = "the original"
"""What the failed execution is called in the scratch store, where its own id is that of the experiment."""


class Plan(NamedTuple):
    """One experiment, for the process that makes it."""

    store: str
    """Path of the scratch store."""
    id: str
    seq: int
    """The suspect."""
    live: bool


class Ended(NamedTuple):
    """How the code ended; all None: well."""

    error: str | None = None
    """The class of what it raised."""
    told: str | None = None
    """The same with its message."""
    by: str | None = None
    """`experiment`: it came to something an experiment may not do. `omium`: the code could not be run on the record."""


class Verdict(NamedTuple):
    """What came of one experiment."""

    seq: int
    outcome: str
    """`confirmed`: with the other output the failure is gone. `cleared`: it is not. `unknown`: it could not be
    told."""
    why: str


def experiment(
    store: _omium.Store,
    explanation: Explanation,
    seq: int,
    value: Blob,
    run: Callable[[Plan], Ended],
    *,
    live: bool = False,
) -> Verdict:
    """Has the code run on with another output of the entry `seq`; `run` does that in a process of its own.

    No effect runs; calls with the same inputs as on record are answered, and model calls run only when
    `live`.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from omium import _omium

    id = explanation.entry.execution
    with TemporaryDirectory(prefix="omium-why-") as directory:
        file = str(Path(directory, "run.omx"))
        store.export(id, file)
        path = str(Path(directory, "store"))
        scratch = _omium.Store(path)
        scratch.import_(file, _ORIGINAL)
        # No effect runs here.
        scratch.fork(_ORIGINAL, seq, id, edits=[(seq, value)], abandon_effects=True)
        ended = run(Plan(path, id, seq, live))
        verdict = _judge(scratch, explanation, seq, ended)
        scratch.close()
        return verdict


def trial_of(store: _omium.Store, plan: Plan) -> Trial:
    """What the code may be answered with, in the process of an experiment."""
    suspect = store.entry(_ORIGINAL, plan.seq)
    record = [each for each in store.entries(_ORIGINAL, all=True) if not _around(each, suspect)]
    return Trial(record, live=plan.live)


def _around(entry: _omium.Entry, suspect: _omium.Entry) -> bool:
    """Whether the entry is the suspect, or what called it: then its record says nothing about the change."""
    return entry.seq == suspect.seq or (suspect.scope != "" and within(suspect.scope, entry))


def _judge(scratch: _omium.Store, explanation: Explanation, seq: int, ended: Ended) -> Verdict:
    id, failure = explanation.entry.execution, explanation.failure
    known = scratch.execution(id)
    if ended.error is None and known.status == "completed":
        return Verdict(seq, "confirmed", "the run completes")
    told = ended.told or f"it is {known.status}"
    step = failure.step
    if step is not None:
        entries = [each for each in scratch.entries(id, after=seq) if each.name == step and each.kind != "note"]
        if any(each.status == "done" for each in entries):
            return Verdict(seq, "confirmed", f"{step} passes; then {told}")
        if entries:
            return Verdict(seq, "cleared", f"{step} fails all the same: {entries[-1].error}")
    if ended.by is None and ended.error == failure.error and ended.error != "TypeError" and step is None:
        return Verdict(seq, "cleared", f"it fails all the same: {told}")
    return Verdict(seq, "unknown", told)
