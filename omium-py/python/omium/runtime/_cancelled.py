"""Calls the program stopped waiting for: a timeout, a quicker task, the failure of another one.

What the program did instead depends on it, so it is on record, as a failure or, where the outcome was being
recorded at that moment, by a note on it. A resume that comes there waits, too, until it is cancelled again. When
nobody does, it is answered, or made once more. What the end of the whole run cancelled has another note beside it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from omium import codec
from omium.runtime._worker import is_cancellation, off_loop, sleep

if TYPE_CHECKING:
    from collections.abc import Callable

    from omium import _omium
    from omium.runtime._live import LiveRun
    from omium.runtime._place import Place

__all__ = ["CANCELLED", "ENDED", "again", "is_cancelled", "note", "recorded", "wait_after"]

CANCELLED = "CancelledError: the program stopped waiting here"
"""The error of such an entry. The exception itself belongs to the event loop."""

_NOTE = "cancelled"
ENDED = "ended"
"""The name of the notes by which the record knows what ended a run."""

_GRACE = 5.0
"""Seconds longer than the program waited when it was recorded."""


async def recorded(place: Place, write: Callable[..., object], *arguments: object) -> None:
    """Records an outcome off the loop, and moves the strand there; also when it is cancelled meanwhile."""
    try:
        await off_loop(write, *arguments)
    except BaseException as error:
        if is_cancellation(error):
            await off_loop(cancelled, place)
        raise
    finally:
        if place.entry:
            place.arrive(place.entry)


def cancelled(place: Place) -> None:
    """Records that the program stopped waiting for what happens at that place. Blocks on the disk."""
    run = place.run
    if place.is_open:
        place.fail(CANCELLED, codec.dumps(None))
    elif place.entry and run.is_open:
        note(place, place.entry)


def note(place: Place, seq: int) -> None:
    """Notes that the program stopped waiting for what the entry tells of, and after how long. Blocks on the disk."""
    run = place.run
    claim = run.native.claim("note", "", _NOTE, os.urandom(16), prev=seq, spawned=True)
    run.native.commit(claim, codec.dumps(place.elapsed_ms()))
    run.cancelled[seq] = run.claims


def is_cancelled(run: LiveRun, entry: _omium.Entry) -> bool:
    """Whether the program stopped waiting for what the entry tells of."""
    if entry.status == "failed" and entry.error == CANCELLED:
        return True
    if run.noted is None:
        entries = run.store.entries(run.native.id)
        notes = [(each.name, each.prev) for each in entries if each.kind == "note"]
        run.noted = frozenset(seq for name, seq in notes if name == _NOTE and (ENDED, seq) not in notes)
    return entry.seq in run.noted


async def again(entry: _omium.Entry) -> None:
    """Waits to be cancelled."""
    await sleep(entry.duration_ms / 1000 + _GRACE)


def wait_after(run: LiveRun, intent: _omium.Entry) -> float | None:
    """Seconds to wait to be cancelled again after an effect had begun; None when it was not cancelled."""
    if not is_cancelled(run, intent):
        return None
    notes = (each for each in run.store.entries(run.native.id, after=intent.seq) if each.kind == "note")
    found = next(each.value for each in notes if (each.name, each.prev) == (_NOTE, intent.seq))
    # Not by the times of the two entries: the intent may be of an earlier run, and the clock have been set.
    waited = 0 if found is None else codec.loads(found.codec, found.read()) or 0
    return float(waited) / 1000 + _GRACE
