"""Rollback with compensations: plan, then undo the effects that fall, newest first, then move the head.

What a rollback does is itself on record: a note that it began, and for every compensation an intent and
a receipt in the scope `undo`. So a kill at any moment leaves a rollback that is finished later, and an
effect that was undone is not undone again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from omium import _omium, codec, config
from omium._entry import load
from omium.effects import _doubt, _intent, _ledger
from omium.effects._given import Given
from omium.effects._intent import UNDO, Note, is_undo
from omium.exceptions import ExecutionNotFound, InDoubt, InvalidInput, UndoFailed, Waiting
from omium.recovery import _failure
from omium.runtime import _context, _registry
from omium.runtime._context import Frame
from omium.runtime._course import Body, act, drive
from omium.runtime._live import LiveRun, describe, is_unwritable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omium.effects._acting import Effect
    from omium.effects._ledger import EffectRecord

__all__ = ["Planned", "RollbackPlan", "finish", "plan", "refuse_open", "refuse_undone", "rollback", "unfinished"]

_NOTE = "rollback"
_SINCE = {
    "undone": "it was undone",
    "undo failed": "its undo was begun, and failed",
    "being undone": "its undo was begun",
}
"""What makes a receipt one that nobody goes on from."""


class Planned(NamedTuple):
    """What a rollback does about one effect."""

    effect: EffectRecord
    action: Literal["undo", "probe", "leave", "refuse"]
    """`probe`: ask whether it happened, then undo it. `leave`: it stays as it is outside. `refuse`: the
    rollback waits until it is answered whether it happened."""
    why: str = ""


class RollbackPlan(NamedTuple):
    """What a rollback would do; nothing has happened yet."""

    execution: str
    to: int
    head: int
    falls: Sequence[_omium.Entry]
    """The entries that leave the live lineage, newest first."""
    effects: Sequence[Planned] = ()
    """The effects among them, in the order they are dealt with."""
    forks: Sequence[str] = ()
    """Forks made earlier, whose record goes on telling of effects that are undone here."""

    @property
    def undone(self) -> list[Planned]:
        """What will be undone, those in doubt if they happened."""
        return [each for each in self.effects if each.action in ("undo", "probe")]

    @property
    def left(self) -> list[Planned]:
        """What cannot be undone, and why."""
        return [each for each in self.effects if each.action not in ("undo", "probe")]


def plan(store: _omium.Store, id: str, to: int, *, abandon: bool = False) -> RollbackPlan:
    native = store.plan_rollback(id, to)
    entries = store.entries(id, all=True)
    records = _ledger.read(entries)
    _refuse_undone(records, entries, id, to)
    falls = {entry.seq for entry in native.falls}
    concerns = (each for each in records if each.own or each.state == "in doubt")
    fallen = [each for each in concerns if not each.compensation and each.seq in falls]
    planned = [_planned(record, abandon=abandon) for record in sorted(fallen, key=lambda each: -each.seq)]
    effects = tuple(each for each in planned if each is not None)
    made = RollbackPlan(id, to, native.head, native.falls, effects)
    return made._replace(forks=_sharing(store, id, [each.effect.seq for each in made.undone]))


def rollback(store: _omium.Store, id: str, to: int, *, abandon: bool = False) -> RollbackPlan:
    """Undoes what falls and moves the head. Called again, it goes on where it was interrupted."""
    planned = plan(store, id, to, abandon=abandon)
    head = planned.head
    given_up = abandon and any(each.effect.note.undo for each in planned.effects)
    if planned.undone or given_up or any(each.action == "refuse" for each in planned.effects):
        _refuse(planned)
        native = store.begin(store.execution(id).workflow, id, mode="attach")
        run = LiveRun(store, native, config.settings().codec)
        try:
            # Until there was the lease, somebody else may have run it on.
            planned = plan(store, id, to, abandon=abandon)
            _refuse(planned)
            _undo(run, planned, to, abandon=abandon)
            head = store.execution(id).head
        finally:
            run.ended = True
            native.release()
    store.rollback(id, to, head)
    return planned


def _undo(run: LiveRun, planned: RollbackPlan, to: int, *, abandon: bool) -> None:
    compensations = [_Compensation(run, each.effect, _declared(each.effect)) for each in planned.undone]
    # A probe that fails leaves everything as it was, and whoever knows can answer.
    found = [each.find_out() for each in compensations]
    _begin(run, to, abandon=abandon)
    try:
        for compensation, receipt in zip(compensations, found, strict=True):
            compensation.act(receipt)
    except Waiting as waiting:
        run.native.wait(str(waiting))
        raise


def finish(store: _omium.Store, id: str) -> None:
    """Finishes a rollback that was interrupted; does nothing when there is none."""
    try:
        begun = unfinished(store, id)
    except ExecutionNotFound:
        return
    if begun is not None:
        to, abandon = begun
        rollback(store, id, to, abandon=abandon)


def refuse_open(store: _omium.Store, id: str) -> None:
    """For those who cannot finish a rollback first: hosts of other code, and answers from outside."""
    try:
        begun = unfinished(store, id)
    except ExecutionNotFound:
        return
    if begun is not None:
        raise InvalidInput(f"a rollback of {id!r} to {begun[0]} was interrupted: ask for it again, then run on")


def refuse_undone(store: _omium.Store, id: str, at: int) -> None:
    """For forks, as for rollbacks: nobody goes on from where an undone effect counts as done."""
    entries = store.entries(id, all=True)
    _refuse_undone(_ledger.read(entries), entries, id, at)


def _planned(record: EffectRecord, *, abandon: bool) -> Planned | None:
    state, note = record.state, record.note
    if state in ("undone", "did not happen"):
        return None
    if not record.own:
        return Planned(record, "leave", f"it is that of {note.execution!r}, and in doubt")
    if state == "failed" and not (note.probe and note.undo):
        return Planned(record, "leave", f"it failed with {record.error}")
    if not note.undo:
        return Planned(record, "leave", "it declares no undo" + (", and is in doubt" if state == "in doubt" else ""))
    if abandon:
        return Planned(record, "leave", "abandoned")
    if note.language is not None:
        return Planned(record, "refuse", f"only its own program, in {note.language.capitalize()}, undoes it")
    if state in ("done", "undo failed", "being undone"):
        return Planned(record, "undo")
    if note.probe:
        return Planned(record, "probe", "it may have happened")
    return Planned(record, "refuse", "it may have happened, and no probe can tell")


def _sharing(store: _omium.Store, id: str, seqs: Sequence[int]) -> Sequence[str]:
    """The forks, and forks of forks, that have taken over one of those entries, under its own seq."""
    if not seqs:
        return ()
    first = min(seqs)
    forks = [(each.id, *each.forked_from) for each in store.executions() if each.forked_from is not None]
    found = [id]
    for origin in found:
        found += [fork for fork, of, at in forks if of == origin and at >= first and fork not in found]
    return sorted(found[1:])


def _refuse(planned: RollbackPlan) -> None:
    refused = [each for each in planned.effects if each.action == "refuse"]
    foreign = [each for each in refused if each.effect.note.language is not None]
    if foreign:
        names = ", ".join(f"{each.effect.name}@{each.effect.seq}: {each.why}" for each in foreign)
        raise InvalidInput(
            f"{planned.execution!r} cannot be rolled back to {planned.to} from here: {names}; roll back there "
            "(Execution::rollback), or give the effects up (abandon_effects=True)"
        )
    doubtful = [each.effect for each in refused]
    if doubtful:
        names = ", ".join(f"{each.name}@{each.seq}" for each in doubtful)
        raise InDoubt(
            f"{planned.execution!r} cannot be rolled back to {planned.to}: {names} may have happened and no probe can "
            "tell; answer whether it did (omium answer), or give the effects up (abandon_effects=True)",
            execution=planned.execution,
            seq=doubtful[0].seq,
        )


def _refuse_undone(records: list[EffectRecord], entries: Sequence[_omium.Entry], id: str, to: int) -> None:
    """Going back to where an undone effect is on record as done would make the code believe in it."""
    parents = {entry.seq: entry.parent for entry in entries}
    lineage = set()
    at = to
    while at:
        lineage.add(at)
        at = parents.get(at, 0)
    for record in records:
        since = _SINCE.get(record.state)
        if since is not None and record.seq in lineage:
            raise InvalidInput(
                f"{id!r} cannot go on from {to}: there {record.name}@{record.seq} is done, and since then {since}; "
                f"choose an entry before @{record.intent.seq}, where it began"
            )


def _declared(record: EffectRecord) -> Effect:
    """The code of an effect that is to be undone."""
    effect = _registry.find_effect(record.name, record.note.source)
    if effect is None:
        raise InvalidInput(
            f"the code of {record.name}@{record.seq} is not loaded, so it cannot be undone: import {_where(record)} "
            "first, or give the effects up (abandon_effects=True)"
        )
    return effect


def _begin(run: LiveRun, to: int, *, abandon: bool) -> None:
    """Notes that the rollback began, unless that is what was noted last."""
    if unfinished(run.store, run.native.id) == (to, abandon):
        return
    while True:
        claim = run.native.claim("note", UNDO, _NOTE, _digest(to, abandon), spawned=True)
        if claim.recorded is None:
            break
    run.native.commit(claim, codec.dumps([to, abandon]))


def unfinished(store: _omium.Store, id: str) -> tuple[int, bool] | None:
    """Where a rollback that was interrupted was going, and whether it gave effects up."""
    head = store.execution(id).head
    if head == 0 or not _of_rollback(store.entry(id, head)):
        return None
    for entry in reversed(store.entries(id)):
        if entry.kind == "note" and entry.name == _NOTE and entry.scope == UNDO and entry.value is not None:
            to, abandon = codec.loads(entry.value.codec, entry.value.read())
            return to, abandon
    return None


def _of_rollback(entry: _omium.Entry) -> bool:
    # A host framework may have a scope of that name.
    return entry.kind != "state" and is_undo(entry.scope)


def _digest(*parts: Any) -> bytes:
    return _omium.digest(codec.dumps_inputs({"of": list(parts)}))


class _Compensation(NamedTuple):
    """One effect that is to be undone, with its code."""

    run: LiveRun
    record: EffectRecord
    effect: Effect

    def find_out(self) -> Any:
        """The receipt: the recorded one, else what its probe says; None of an effect that never happened.

        Of one whose undoing had begun its intent holds it.
        """
        outcome = self.record.outcome
        if self.record.undo is not None:
            return None
        return self._load(outcome.value) if outcome is not None and self._happened() else self._ask()

    def act(self, receipt: Any) -> None:
        """Undoes it, once: what is undone already is passed over, what was interrupted is done again."""
        native = self.run.native
        claim = native.claim("effect", UNDO, self.record.name, _digest(self.record.intent.seq), spawned=True)
        if claim.recorded is not None and claim.recorded.status == "done":
            return
        if claim.intent is not None:
            note, receipt = _intent.read(claim.intent), self._load(claim.intent.input)
        else:
            key = _intent.key_of(native.id, native.epoch, (UNDO, claim.key, claim.occurrence))
            note = Note(key, native.id, native.epoch, undoes=self.record.intent.seq)
            if receipt is None and not self._happened():
                native.commit(claim, codec.dumps(None), meta=note._replace(cleared=True).blob())
                return
            native.intend(claim, input=codec.dumps(receipt, self._codec()), meta=note.blob())
        self._call(claim, note, receipt)

    def _call(self, claim: _omium.Claim, note: Note, receipt: Any) -> None:
        frame = Frame(self.run, claim.path, 0, _context.strand(), kind="effect", host=_context.place())
        try:
            undo = self._given().call(self._undo(), receipt=receipt, idempotency_key=self.record.note.key)
            returned = act(Body(frame, _intent.keyed(note.key, undo)))
        except Waiting as error:
            # It has not failed: with the answer it goes on where it is.
            raise self._waits(error) from error
        except Exception as error:
            if not is_unwritable(error):
                failure = _failure.of(error, "effect")._replace(step=f"the undo of {self.record.name}")
                meta = codec.dumps(_failure.record(failure))
                self.run.native.fail(claim, describe(error), value=codec.dumps_failure(error), meta=meta)
            raise self._failed(error) from error
        # What an undo returns is kept to be looked at; a client or a response in it counts as its type.
        self.run.native.commit(claim, ("msgpack", codec.dumps_shown({"returned": returned})))

    def _given(self) -> Given:
        note = self.record.note
        return Given(self.record.name, self.effect.parameters, self.record.arguments, note.lost, note.defaults)

    def _happened(self) -> bool:
        """Whether there is a receipt on record, which may be None."""
        return self.record.outcome is not None and self.record.outcome.status == "done"

    def _ask(self) -> Any:
        """The receipt of an effect in doubt, or None when it never happened."""
        record = self.record
        if self.effect.probe is None:
            raise InvalidInput(f"{record.name}@{record.seq} had a probe when it ran, and {_where(record)} has none now")
        key = record.note.key
        return drive(_doubt.probed(self.effect.probe, self._given(), key, record.intent.seq, record.execution))

    def _undo(self) -> Callable[..., Any]:
        if self.effect.undo is None:
            raise InvalidInput(f"{self.record.name} declares no undo any more: see {_where(self.record)}")
        return self.effect.undo

    def _failed(self, error: Exception) -> Exception:
        record = self.record
        if is_unwritable(error):
            return error
        return UndoFailed(
            f"{record.name}@{record.seq} of {record.execution!r} could not be undone: {describe(error)}; the rollback "
            "stopped there, and goes on when it is asked for again",
            execution=record.execution,
            seq=record.seq,
        )

    def _waits(self, waiting: Waiting) -> Waiting:
        record = self.record
        return Waiting(
            f"undoing {record.name}@{record.seq} of {record.execution!r} waits: {waiting}; the rollback goes on "
            "when it is asked for again",
            execution=waiting.execution,
            seq=waiting.seq,
        )

    def _load(self, value: _omium.Value | None) -> Any:
        return load(value, allow_pickle=self._codec() == "pickle")

    def _codec(self) -> str:
        return self.effect.policy.codec or self.run.codec


def _where(record: EffectRecord) -> str:
    return record.note.source or "the program that made it"
