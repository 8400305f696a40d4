"""What must be true of an execution and the world, whatever was killed on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import omium

from . import world
from .programs import ACT, UNDO

HAPPENED = ("done", "undone", "left standing", "undo failed", "being undone")


def check(execution: omium.Execution[Any], expected: str, calm: list[world.Line]) -> Iterator[str]:
    """Every broken promise in words."""
    records = [record for record in execution.effects() if record.own and not record.compensation]
    acts = Counter(line.key for line in world.lines() if line.what == ACT)
    undos = [line for line in world.lines() if line.what == UNDO]
    yield from _each(records, acts, Counter(line.of for line in undos))
    yield from _order(records, undos)
    if repr(execution.result()) != expected:
        yield f"{execution.id} came to {execution.result()!r}, uninterrupted to {expected}"
    # What stands outside and was neither undone nor left is what an uninterrupted run does.
    done = [each for each in execution.effects() if each.outcome is not None and each.outcome.status == "done"]
    live = Counter(_label(each) for each in done if each.live and each.state in ("done", "copied"))
    wanted = Counter(line.label for line in calm if line.what == ACT)
    if live != wanted:
        yield f"{execution.id} has done {live - wanted} too much and {wanted - live} too little"


def _each(records: list[Any], acts: Counter[str], undos: Counter[str]) -> Iterator[str]:
    for record in records:
        key = record.idempotency_key
        happened = record.state in HAPPENED
        if record.state == "in doubt" and not record.live:
            # A rollback left it in doubt, for it declares no undo; it may have happened, but once.
            happened = acts[key] == 1
        if (record.state == "in doubt" and record.live) or record.state in ("being undone", "undo failed"):
            yield f"{record} is not settled"
        elif acts[key] != int(happened):
            yield f"{record} happened {acts[key]} times"
        if undos[key] != int(record.state == "undone"):
            yield f"{record} was undone {undos[key]} times"


def _order(records: list[Any], undos: list[world.Line]) -> Iterator[str]:
    """Compensations run in the reverse order of the receipts, rollback by rollback."""
    by_key = {record.idempotency_key: record for record in records}
    done = [by_key[line.of] for line in undos if line.of in by_key]
    epochs: dict[int, list[int]] = {}
    for record in done:
        rollback = record.undo_note.epoch if record.undo_note is not None else -1
        epochs.setdefault(rollback, []).append(record.seq)
    for seqs in epochs.values():
        if seqs != sorted(seqs, reverse=True):
            yield f"undone in the order {seqs}"


def _label(record: Any) -> str:
    return str(record.arguments["label"])
