"""Cause by experiment: the run again with a suspect's output replaced, in a store that is thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from omium._live import describe, trial
from omium.exceptions import OmiumError
from omium.recovery._actions import within
from omium.recovery._trial import Refused, Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from omium import _omium
    from omium.codec import Blob
    from omium.recovery._why import Explanation

__all__ = ["Verdict", "experiment"]

_FORK = "experiment"


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
    run: Callable[[str, str], None],
    *,
    live: bool = False,
) -> Verdict:
    """Runs the code on with another output of the entry `seq`.

    `run` gets the path of the scratch store and the id of the execution in it. No effect runs; calls
    with the same inputs as on record are answered, and model calls run only when `live`.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from omium import _omium

    id = explanation.entry.execution
    suspect = store.entry(id, seq)
    record = [each for each in store.entries(id, all=True) if not _around(each, suspect)]
    with TemporaryDirectory(prefix="omium-why-") as directory:
        file = str(Path(directory, "run.omx"))
        store.export(id, file)
        path = str(Path(directory, "store"))
        scratch = _omium.Store(path)
        scratch.import_(file)
        scratch.fork(id, seq, _FORK, edits=[(seq, value)])
        token = trial.set(Trial(record, live=live))
        error: Exception | None = None
        try:
            run(path, _FORK)
        except Exception as failed:  # noqa: BLE001  # The verdict says what it means.
            error = failed
        finally:
            trial.reset(token)
        verdict = _judge(scratch, explanation, seq, error)
        scratch.close()
        return verdict


def _around(entry: _omium.Entry, suspect: _omium.Entry) -> bool:
    """Whether the entry is the suspect, or what called it: then its record says nothing about the change."""
    return entry.seq == suspect.seq or (suspect.scope != "" and within(suspect.scope, entry))


def _judge(scratch: _omium.Store, explanation: Explanation, seq: int, error: Exception | None) -> Verdict:
    if error is None:
        return Verdict(seq, "confirmed", "the run completes")
    failure = explanation.failure
    step = failure.step
    if step is not None:
        entries = [each for each in scratch.entries(_FORK, after=seq) if each.name == step]
        if any(each.status == "done" for each in entries):
            then = str(error) if isinstance(error, Refused) else describe(error)
            return Verdict(seq, "confirmed", f"{step} passes; then {then}")
        if entries:
            return Verdict(seq, "cleared", f"{step} fails all the same: {entries[-1].error}")
    if isinstance(error, Refused):
        return Verdict(seq, "unknown", str(error))
    if type(error).__qualname__ == failure.error and not isinstance(error, OmiumError | TypeError) and step is None:
        return Verdict(seq, "cleared", f"it fails all the same: {describe(error)}")
    return Verdict(seq, "unknown", describe(error))
