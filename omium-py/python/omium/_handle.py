"""The handle of an execution: what the store knows of it, and everything one can do with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from omium import _omium, _result, codec, config, recovery
from omium._entry import Entry
from omium._leaving import leaving
from omium.effects import _ledger
from omium.effects._answers import open_questions, settle
from omium.exceptions import EntryNotFound, InvalidInput, OmiumError
from omium.runtime import _context, _registry
from omium.runtime._course import adrive, drive, served_by
from omium.runtime._live import is_abort
from omium.runtime._worker import off_loop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omium._replay import ReplayReport
    from omium.effects._answers import Question
    from omium.effects._ledger import EffectRecord
    from omium.effects._undo import RollbackPlan
    from omium.recovery import Failure
    from omium.runtime._registry import AnyWorkflow

__all__ = ["Execution"]

R = TypeVar("R")

_COUNTED_MAX = 200
"""So many entries are read to say how many checkpoints there are: it must be cheap."""


class Execution(Generic[R]):
    """One durable run of a workflow. Every property is read from the store at the time of asking.

    Where a method waits for the disk or runs code, its coroutine twin begins with `a`.
    """

    def __init__(self, store: _omium.Store, id: str, workflow: AnyWorkflow | None = None) -> None:
        self.store = store
        self._id = id
        self._workflow = workflow

    @property
    def id(self) -> str:
        return self._id

    def known(self) -> _omium.Execution:
        """Everything the store knows of it now."""
        return self.store.execution(self._id)

    @property
    def workflow(self) -> str:
        """The name of its workflow."""
        return self.known().workflow

    @property
    def status(self) -> _omium.Standing:
        """`running`, `waiting`, `completed`, `failed` or `cancelled`; `orphaned` or `ready` when nobody runs it.

        It is orphaned when whoever ran it died, and ready when nobody has begun it since a fork, a rollback, an
        answer, an import, or since its owner gave it back. `resume()` continues both.
        """
        return self.known().status

    @property
    def orphaned(self) -> bool:
        """Whether whoever ran it died: `resume()` continues it."""
        return self.known().orphaned

    @property
    def head(self) -> int:
        """The seq it continues from."""
        return self.known().head

    @property
    def error(self) -> str | None:
        """`Class: message` of what failed it."""
        return self.known().error

    def result(self, timeout: float | None = 0) -> R:
        """What the workflow returned. Raises RecordedFailure when it failed, NotFinished before.

        With `timeout` it waits so many seconds while somebody alive runs it, in this process or in another; None:
        as long as that takes. TimeoutError when the time is out and it still runs.
        """
        with leaving(self._id):
            value: R = drive(_result.result(self.store, self._id, timeout, pickled=self._allows_pickle()))
            return value

    async def aresult(self, timeout: float | None = 0) -> R:
        with leaving(self._id):
            value: R = await adrive(_result.result(self.store, self._id, timeout, pickled=self._allows_pickle()))
            return value

    def resume(self) -> Execution[R]:
        """Runs it on from its head: what is recorded is answered, the rest runs.

        Does nothing when it has completed. Raises LeaseHeld while somebody alive runs it.
        """
        with leaving(self._id):
            self._code().resume(self)
        return self

    async def aresume(self) -> Execution[R]:
        with leaving(self._id):
            await self._code().aresume(self)
        return self

    def checkpoints(self) -> list[Entry]:
        """What one can return to, in the order of seq: every finished step on the live lineage."""
        pickled = self._allows_pickle()
        return [Entry(each, allow_pickle=pickled) for each in self.store.entries(self._id) if _is_checkpoint(each)]

    def failures(self) -> list[Failure]:
        """Every failure on record, in the order of seq; those a rollback left behind too."""
        return recovery.failures(self.store.entries(self._id, all=True))

    def effects(self) -> list[EffectRecord]:
        """Every effect with its state, in the order they began; those a rollback left behind too."""
        return _ledger.read(self.store.entries(self._id, all=True))

    def questions(self) -> list[Question]:
        """What it waits for: its open questions, and effects of which nobody knows whether they happened."""
        return open_questions(self.store, self._id)

    def answer(self, value: Any = None, *, happened: bool = True, seq: int | None = None) -> Execution[R]:
        """`omium.answer` for this execution; `resume()` then goes on."""
        settle(self.store, self._id, value, happened=happened, seq=seq)
        return self

    def rollback(self, to: int, *, plan: bool = False, abandon_effects: bool = False) -> RollbackPlan:
        """Undoes the effects after the entry `to` (0: the beginning), newest first, and moves the head there.

        With `plan` it only says what would fall and be undone. Nothing is erased and no code runs
        forward: `resume()` does that. Called again, it finishes what was interrupted. An undo that fails
        stops it (UndoFailed). `abandon_effects` moves the head and leaves every effect standing.
        """
        from omium.effects import _undo

        act = _undo.plan if plan else _undo.rollback
        with leaving(self._id):
            return act(self.store, self._id, _seq("to", to), abandon=abandon_effects)

    async def arollback(self, to: int, *, plan: bool = False, abandon_effects: bool = False) -> RollbackPlan:
        from asyncio import get_running_loop

        act = partial(self.rollback, to, plan=plan, abandon_effects=abandon_effects)
        with leaving(self._id):
            made: RollbackPlan = await off_loop(served_by, get_running_loop(), act)
            return made

    def fork(
        self,
        at: int,
        id: str | None = None,
        *,
        edit: Mapping[str | int, Any] | None = None,
        abandon_effects: bool = False,
    ) -> Execution[R]:
        """A new execution that shares the history up to the entry `at`; `resume()` runs it on.

        `edit` replaces recorded results in the fork only, by the name or the seq of their entry. What is in doubt by
        then is settled by its policy when the fork runs; with effects in doubt after `at` it raises InDoubt, unless
        `abandon_effects` gives them up: the fork then does them anew.
        """
        new_id = made_id(self._id) if id is None else id
        edits = [(self._seq_of(each, at), self._dumps(value)) for each, value in (edit or {}).items()]
        from omium.effects import _undo

        _undo.refuse_undone(self.store, self._id, _seq("at", at))
        self.store.fork(self._id, at, new_id, edits=edits, abandon_effects=abandon_effects)
        return Execution(self.store, new_id, self._workflow)

    def replay(self) -> ReplayReport:
        """Runs the code against the record and reports where they differ. Nothing runs live."""
        return self._code().replay(self)

    async def areplay(self) -> ReplayReport:
        return await self._code().areplay(self)

    def checkpoint(self, value: Any, *, label: str = "checkpoint") -> int:
        """Records a value at this point of the running execution; returns its seq.

        Recorded before, it is not recorded again. Waits for the disk, also in async code.
        """
        frame = _context.frame()
        if frame is None or frame.run.native.id != self._id:
            raise InvalidInput(f"checkpoint() belongs inside `with omium.execution({self._id!r})`")
        frame.run.check()
        try:
            blob = codec.dumps(value, frame.run.codec)
            for each in frame.beside:
                each.so_far()
            seq = frame.run.native.checkpoint(label, blob, scope=frame.scope, prev=frame.prev)
        except OmiumError as error:
            if is_abort(error):
                frame.run.abort(error)
            raise
        _context.current.set(frame._replace(prev=seq, owner=_context.strand()))
        return seq

    def __omium_key__(self) -> str:
        return self._id

    def __repr__(self) -> str:
        id = self._id if self._id.isprintable() and " " not in self._id else repr(self._id)
        try:
            status = self.status
            first = self.store.entries(self._id, limit=_COUNTED_MAX + 1)
        except OmiumError as error:
            # Whoever looks at a handle in a debugger or a log is told what there is to know, whatever it is.
            return f"<omium.Execution {id}, {type(error).__name__}>"
        count = sum(map(_is_checkpoint, first[:_COUNTED_MAX]))
        more = "+" if len(first) > _COUNTED_MAX else ""
        return f"<omium.Execution {id} {status}, {count}{more} checkpoint{'' if (count, more) == (1, '') else 's'}>"

    def _code(self) -> AnyWorkflow:
        if self._workflow is not None:
            return self._workflow
        known = self.known()
        return _registry.find(known.workflow, self._id, known.source)

    def _codec(self) -> str:
        own = self._workflow.codec if self._workflow is not None else None
        return own or config.settings().codec

    def _allows_pickle(self) -> bool:
        return self._codec() == "pickle"

    def _dumps(self, value: Any) -> codec.Blob:
        return codec.dumps(value, self._codec())

    def _seq_of(self, name: str | int, at: int) -> int:
        if isinstance(name, int):
            return name
        found = [each.seq for each in self.store.entries(self._id) if each.name == name and each.seq <= at]
        if not found:
            raise EntryNotFound(f"execution {self._id!r} has no entry {name!r} up to {at}: see checkpoints()")
        if len(found) > 1:
            seqs = ", ".join(map(str, found))
            raise InvalidInput(f"{name!r} was recorded more than once: edit one of the seqs {seqs}")
        return found[0]


def _is_checkpoint(entry: _omium.Entry) -> bool:
    return entry.status == "done" and entry.kind != "note"


def _seq(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidInput(f"{name} is the seq of an entry, or 0 for the beginning, not {value!r}")
    return value


def made_id(name: str) -> str:
    """An id for an execution nobody named."""
    import os

    return f"{name[:40]}-{os.urandom(8).hex()}"
