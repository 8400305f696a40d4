"""Calls the program stopped waiting for: a timeout, a quicker task, the failure of another one.

What the program did instead depends on it, so it is on record, as a failure or, of an effect, a timer, or an outcome
that was being recorded at that moment, by a note. A resume that comes there waits, too, until it is cancelled again.
When nobody does, it is answered, or made once more. What the end of the whole run cancelled has another note beside it.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from omium import codec
from omium.runtime import _turns
from omium.runtime._course import Disk, Sleep
from omium.runtime._worker import is_cancellation, off_loop, sleep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from omium import _omium
    from omium.runtime._course import Course
    from omium.runtime._live import LiveRun
    from omium.runtime._place import Place

__all__ = [
    "CANCELLED",
    "Noted",
    "again",
    "again_at",
    "ended",
    "is_cancelled",
    "note",
    "recorded",
    "returned",
    "was_given_up",
]

CANCELLED = "CancelledError: the program stopped waiting here"
"""The error of such an entry. The exception itself belongs to the event loop."""

_NOTE = "cancelled"
_ENDED = "ended"
"""The name of the notes by which the record knows what ended a run."""

_GRACE = 5.0
"""Seconds longer than the program waited when it was recorded."""


async def recorded(place: Place, write: Callable[..., object], *arguments: object) -> None:
    """Records an outcome off the loop, and moves the strand there; also when it is cancelled meanwhile."""
    await _kept(place, off_loop(write, *arguments))


async def returned(place: Place, write: Callable[..., object], *arguments: object) -> None:
    """`recorded`, of a call that then returns in its turn."""
    await _kept(place, _turns.awrite(place, write, *arguments))


async def _kept(place: Place, written: Awaitable[object]) -> None:
    try:
        await written
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
    # Which attempt of the code around it stopped waiting shows in the scope.
    claim = run.native.claim("note", place.scope, _NOTE, os.urandom(16), prev=seq, spawned=True)
    run.own_notes.add(run.native.commit(claim, codec.dumps(place.elapsed_ms())))
    run.cancelled[seq] = run.claims


class GivenUp(NamedTuple):
    """One time that the program stopped waiting for an effect or a timer."""

    intent: int
    scope: str
    seconds: float
    """How long it had waited."""


class Noted(NamedTuple):
    """What earlier runs of the program stopped waiting for, and went on."""

    entries: frozenset[int]
    places: dict[tuple[str, str, int], list[GivenUp]]
    """By the address of what had begun, in order."""


def _noted(run: LiveRun) -> Noted:
    if run.noted is None:
        begun: dict[int, tuple[str, str, int]] = {}
        notes: dict[int, list[_omium.Entry]] = {}
        for each in run.store.entries(run.native.id):
            if each.status == "intent":
                begun[each.seq] = each.scope, each.key, each.occurrence
            elif each.kind != "note" or each.prev is None or each.seq in run.own_notes:
                continue
            elif each.name == _NOTE:
                notes.setdefault(each.prev, []).append(each)
            elif each.name == _ENDED and notes.get(each.prev):
                notes[each.prev].pop()
        places: dict[tuple[str, str, int], list[GivenUp]] = {}
        for seq, told in notes.items():
            if seq in begun:
                places.setdefault(begun[seq], []).extend(GivenUp(seq, note.scope, _seconds(note)) for note in told)
        run.noted = Noted(frozenset(seq for seq, told in notes.items() if told), places)
    return run.noted


def _seconds(note: _omium.Entry) -> float:
    # Not by the times of the entries: the intent may be of an earlier run, and the clock have been set.
    return 0.0 if note.value is None else float(codec.loads(note.value.codec, note.value.read()) or 0) / 1000


def is_cancelled(run: LiveRun, entry: _omium.Entry) -> bool:
    """Whether the program stopped waiting for what the entry tells of."""
    return (entry.status == "failed" and entry.error == CANCELLED) or entry.seq in _noted(run).entries


async def again(entry: _omium.Entry) -> None:
    """Waits to be cancelled."""
    await sleep(entry.duration_ms / 1000 + _GRACE)


def again_at(place: Place) -> Course:
    """Waits to be cancelled where the program stopped waiting for an effect or a timer, as often as it did.

    Whatever came of it later: what the program did instead, perhaps outside, depends on its being cancelled here.
    """
    run = place.run
    if not run.native.resumed and run.native.mode == "live":
        return
    left = (yield Disk(partial(_noted, run))).places.get(place.address, [])
    while left and left[0].scope != place.scope:
        # That attempt is over, and its failure on record.
        left.pop(0)
    if not left:
        return
    seq, _, waited = left.pop(0)
    run.given_up.add(seq)
    wait = waited + _GRACE
    place.pauses(wait)
    try:
        yield Sleep(wait)
    except BaseException:
        place.withdraw()
        raise
    # Nobody cancels it any more.
    run.given_up.discard(seq)
    if run.native.mode == "live":
        yield Disk(partial(ended, run, seq))


def ended(run: LiveRun, seq: int) -> None:
    """Notes that a cancellation decides nothing: it came with the end of its run, or not again. Blocks on the disk."""
    claim = run.native.claim("note", "", _ENDED, os.urandom(16), prev=seq, spawned=True)
    run.own_notes.add(run.native.commit(claim, codec.dumps(None)))


def was_given_up(run: LiveRun, seq: int) -> bool:
    """Whether this very run stopped waiting for what began with that entry."""
    return seq in run.cancelled or seq in run.given_up
