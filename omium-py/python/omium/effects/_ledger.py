"""Every effect of an execution with its state, read from the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from omium import config
from omium._entry import load
from omium.effects import _intent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omium import _omium
    from omium.effects._intent import Note

__all__ = ["EffectRecord", "State", "read"]

State = Literal[
    "done", "in doubt", "failed", "did not happen", "undone", "undo failed", "being undone", "left standing", "copied"
]


class EffectRecord:
    """One effect: its intent, what it came to, and its compensation."""

    __slots__ = ("intent", "note", "outcome", "undo", "undo_note")

    def __init__(self, intent: _omium.Entry, note: Note) -> None:
        self.intent = intent
        self.note = note
        self.outcome: _omium.Entry | None = None
        """Its receipt or its failure."""
        self.undo: _omium.Entry | None = None
        """What is on record of its compensation: intent, receipt or failure."""
        self.undo_note: Note | None = None

    @property
    def execution(self) -> str:
        return self.intent.execution

    @property
    def seq(self) -> int:
        """Of its receipt; of its intent while it has none."""
        return (self.outcome or self.intent).seq

    @property
    def name(self) -> str:
        return self.intent.name

    @property
    def scope(self) -> str:
        return self.intent.scope

    @property
    def idempotency_key(self) -> str:
        return self.note.key

    @property
    def live(self) -> bool:
        """Whether it lies on the lineage of the head."""
        return (self.outcome or self.intent).live

    @property
    def own(self) -> bool:
        """False for one that a fork took over from the execution that did it."""
        return self.note.execution == self.execution

    @property
    def compensation(self) -> bool:
        """Whether it is what an undo did; a rollback never undoes that again."""
        return _intent.is_undo(self.scope)

    @property
    def arguments(self) -> dict[str, Any]:
        """What it was called with, as far as that could be recorded."""
        return dict(load(self.intent.input, allow_pickle=_pickled()) or {})

    @property
    def receipt(self) -> Any:
        """What it returned, or what its probe or a person said it did."""
        done = self.outcome is not None and self.outcome.status == "done"
        return load(self.outcome.value, allow_pickle=_pickled()) if done and self.outcome else None

    @property
    def error(self) -> str | None:
        """`Class: message` of its failure, or of that of its undo."""
        failed = [each for each in (self.undo, self.outcome) if each is not None and each.status == "failed"]
        return failed[0].error if failed else None

    @property
    def state(self) -> State:
        done = self.outcome is not None and self.outcome.status == "done"
        if not self.own and (done or self.undo is not None):
            return "copied"
        if self.undo is not None:
            if self.undo.status == "done":
                return "did not happen" if self.undo_note is not None and self.undo_note.cleared else "undone"
            return "undo failed" if self.undo.status == "failed" else "being undone"
        if self.outcome is None:
            return "did not happen" if self.note.cleared else "in doubt"
        if self.outcome.status == "failed":
            return "failed"
        return "done" if self.outcome.live or self.compensation else "left standing"

    def __repr__(self) -> str:
        return f"<EffectRecord {self.execution}@{self.seq} {self.name} {self.state}>"


def read(entries: Sequence[_omium.Entry]) -> list[EffectRecord]:
    """The effects among all entries of an execution, in the order they began."""
    records: list[EffectRecord] = []
    latest: dict[tuple[str, str, int], EffectRecord] = {}
    by_intent: dict[int, EffectRecord] = {}
    undone: dict[tuple[str, str, int], tuple[int, Note]] = {}
    for entry in entries:
        if entry.kind != "effect":
            continue
        address = entry.scope, entry.key, entry.occurrence
        if entry.scope == _intent.UNDO:
            _undoing(entry, undone, by_intent)
        elif entry.status != "intent":
            if address in latest:
                latest[address].outcome = entry
        else:
            note = _intent.read(entry)
            known = latest.get(address)
            if known is not None and known.note.key == note.key:
                # Begun again under the same key, after a failure or the news that it had not happened.
                known.intent, known.note, known.outcome = entry, note, None
            else:
                known = latest[address] = EffectRecord(entry, note)
                records.append(known)
            by_intent[entry.seq] = known
    # What another execution began concerns a fork only as long as it is not settled.
    settled = [each for each in records if not each.own and each.outcome is None]
    settled = [each for each in settled if each not in latest.values() or each.intent.is_accounted_for()]
    return [each for each in records if each not in settled]


def _undoing(
    entry: _omium.Entry, undone: dict[tuple[str, str, int], tuple[int, Note]], by_intent: dict[int, EffectRecord]
) -> None:
    address = entry.scope, entry.key, entry.occurrence
    if entry.meta is not None and entry.status != "failed":
        note = _intent.read(entry)
        if note.undoes is not None:
            undone[address] = note.undoes, note
    if address in undone:
        intent, note = undone[address]
        record = by_intent[intent]
        record.undo, record.undo_note = entry, note


def _pickled() -> bool:
    return config.settings().codec == "pickle"
