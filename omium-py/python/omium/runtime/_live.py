"""One open execution: the native run, and what ends it."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from omium import _redact
from omium.codec import Blob, text
from omium.exceptions import (
    BudgetExceeded,
    Divergence,
    Fenced,
    FormatUnsupported,
    InDoubt,
    InvalidInput,
    OmiumError,
    StoreCorrupted,
    StoreUnavailable,
    Waiting,
)
from omium.recovery import _decisions
from omium.runtime import _boundary, _events
from omium.runtime._behind import failures_behind
from omium.runtime._turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from omium import _omium
    from omium.recovery._failure import Failure
    from omium.recovery._trial import Trial
    from omium.recovery._watch import Watch
    from omium.runtime._budget import Budget
    from omium.runtime._cancelled import Noted
    from omium.runtime._code import Code
    from omium.runtime._under_way import UnderWay

__all__ = ["LiveRun", "Mode", "Rewind", "describe", "is_abort", "is_unwritable", "running"]

Mode = Literal["live", "record"]

trial: Trial | None = None
"""The experiment this process was started for."""

_UNWRITABLE = (Fenced, FormatUnsupported, StoreCorrupted, StoreUnavailable)
_ABORTS = (*_UNWRITABLE, BudgetExceeded, Divergence, InDoubt, Waiting)

_pid = os.getpid()
_known: weakref.WeakSet[LiveRun] = weakref.WeakSet()


def is_unwritable(error: BaseException) -> bool:
    """Whether nothing can be recorded any more: the store failed, or somebody else has the lease."""
    return isinstance(error, _UNWRITABLE)


def is_abort(error: BaseException) -> bool:
    """Whether a failure is the execution's own, which no code may catch and go on from."""
    return isinstance(error, _ABORTS)


def running() -> LiveRun | None:
    """An execution that is being run by this process, if any is."""
    return next((run for run in tuple(_known) if run.of_this_process() and not run.ended), None)


def describe(error: BaseException) -> str:
    """`Class: message`, as the store keeps it: without secrets."""
    return f"{type(error).__qualname__}: {_redact.text(text(error))}"


class Rewind(BaseException):
    """Unwinds a run whose recovery policy runs the workflow again. No code may catch it and go on."""

    def __init__(self, error: Exception, *, to: int | None = None, wait: float = 0.0) -> None:
        super().__init__(f"the run goes back to recover from {describe(error)}")
        self.error = error
        self.to = to
        """The entry to roll back to first; None: only run again."""
        self.wait = wait
        """Seconds to wait before."""


class LiveRun:
    """An execution that is being run, or answered from its record, by this process."""

    __slots__ = (
        "__weakref__",
        "_pid",
        "_repairs",
        "aborted",
        "alike",
        "answered",
        "answered_failures",
        "begun",
        "budget",
        "cancelled",
        "claims",
        "code",
        "codec",
        "died",
        "ended",
        "given_up",
        "interrupted",
        "let_through",
        "native",
        "noted",
        "open",
        "own_notes",
        "replays",
        "rewinds",
        "store",
        "trial",
        "turns",
        "under_way",
        "waiting",
        "watch",
    )

    def __init__(self, store: _omium.Store, native: _omium.Run, codec: str) -> None:
        self.store = store
        self.native = native
        self.codec = codec
        self.code: Code | None = None
        """That of the workflow, until an entry has told of it."""
        self.budget: Budget | None = None
        """What the execution may spend on model calls."""
        self.replays = False
        """Whether it was asked for that nothing runs, in executions within it either."""
        self.rewinds = False
        """Whether whoever opened it can run it again after a rollback."""
        self.trial = trial
        """Set in an experiment, which answers more than the record and runs no effect."""
        self.watch: Watch | None = None
        """Looks out for runs that get nowhere."""
        self.turns = Turns(native)
        """In which order concurrent calls return."""
        self.interrupted = False
        self.waiting: set[Callable[[], object]] = set()
        """Wakes those who wait for a body that may be given up."""
        self._repairs: dict[str, Failure] | None = None
        self.died: str | None = None
        """Who died while running it before; noted at the end, so that no seq is shifted."""
        self.aborted: BaseException | None = None
        self.alike: dict[tuple[Any, ...], Callable[[], Any]] = {}
        """Live objects in the arguments of calls that the address does not tell in full, by that and their number."""
        self.let_through: Callable[[BaseException], None] | None = None
        """Makes what aborts it an error that the host framework around it takes for no failure of the code."""
        self.answered = _events.Answered()
        self.ended = False
        self.begun: dict[int, bool] = {}
        """Intents of effects this very run wrote; whether the body has failed since, as far as known."""
        self.answered_failures: dict[tuple[str, str, int], int] = {}
        """The failures this run answered from the record, by their address: what comes there now is another try."""
        self.claims = 0
        """How many places the code has asked for; a sign that it goes on."""
        self.cancelled: dict[int, int] = {}
        """Entries of calls the code stopped waiting for, and how many claims there were then."""
        self.noted: Noted | None = None
        """What earlier runs did not wait for; None: the record was not looked at yet."""
        self.own_notes: set[int] = set()
        """The notes this run made of what it did not wait for."""
        self.given_up: set[int] = set()
        """What earlier runs began and did not wait for, and this one has not waited for either."""
        self.open: set[Callable[[], None]] = set()
        """Records what the code began and did not end, such as a stream, one call for each."""
        self.under_way: set[UnderWay] = set()
        """Model calls and effects whose bodies run now."""
        self._pid = _pid
        _known.add(self)

    def of_this_process(self) -> bool:
        """False in a forked child: the run, and its lease, are the parent's."""
        return self._pid == _pid

    def check(self) -> None:
        """Refuses a claim when nothing may be recorded any more."""
        if self.aborted is not None:
            raise self.aborted
        if self.ended:
            raise InvalidInput(f"execution {self.native.id!r} has ended: wait for its tasks and threads inside it")

    @property
    def is_open(self) -> bool:
        """Whether anything can be recorded, also of what was under way when the run was aborted."""
        return not self.ended and (self.aborted is None or not is_unwritable(self.aborted))

    def abort(self, error: BaseException) -> None:
        """Lets nothing more be recorded, even when the code catches the error and goes on."""
        if self.let_through is not None:
            self.let_through(error)
        self.aborted = self.aborted or error

    def interrupt(self, error: BaseException) -> None:
        """`abort`, and whoever waits for a body does so no longer."""
        self.abort(error)
        self.interrupted = True
        for wake in tuple(self.waiting):
            wake()

    def repair(self, step: str) -> Failure | None:
        """Why a rollback has the step run again; None when it runs for another reason."""
        if self.native.epoch == 0 or not self.rewinds:
            return None
        if self._repairs is None:
            self._repairs = _decisions.repairs(self.store, self.native.id)
        return self._repairs.get(step)

    def repaired(self, step: str) -> None:
        """The step has finished."""
        if self._repairs:
            self._repairs.pop(step, None)

    def introduction(self) -> dict[str, Any]:
        """What the first entry of a run tells of the run: the code of the workflow."""
        code, self.code = self.code, None
        known = None if code is None else code.fingerprint()
        return {} if known is None else {"workflow": known}

    def afford(self) -> None:
        """Refuses a model call when the budget is spent, by whatever is on the log of the execution."""
        refusal = None if self.budget is None else self.budget.refusal(self.native.usage)
        if refusal is not None:
            self.refuse(refusal)

    def refuse(self, why: str) -> NoReturn:
        """Ends the run for its budget."""
        error = BudgetExceeded(f"execution {self.native.id!r}: {why}")
        self.abort(error)
        raise error

    def finish(self, result: Blob | None) -> None:
        """Ends the execution with its result. Raises what aborted it when the code caught that."""
        if self.aborted is not None:
            self.stop(self.aborted)
            raise self.aborted
        self._close_what_is_open()
        self.ended = True
        if self.native.mode == "live":
            _boundary.reach("complete", "execution", self.native.id)
            self._note_crash()
            self.native.complete(result)
            self.answered.goes_live(self)
            _events.of_execution(self, "complete", "completed")
        self.native.release()
        _boundary.reach("ended", "execution", self.native.id)

    def _close_what_is_open(self) -> None:
        while self.open:
            self.open.pop()()

    def _note_crash(self) -> None:
        if self.died is not None:
            _decisions.crashed(self, self.died)
            self.died = None

    def stop(self, error: BaseException) -> None:
        """Ends this run with an error; the execution can be resumed.

        What interrupts a program from outside, such as Ctrl-C, leaves it running: it did not fail.
        """
        try:
            self._close_what_is_open()
        except OmiumError as trouble:
            self.abort(trouble)
        why = self.aborted or error
        self.ended = True
        if isinstance(why, Waiting) and self.native.mode == "live":
            self.native.wait(str(why))
            self.native.release()
            self.answered.goes_live(self)
            _events.of_execution(self, "wait", "waiting")
            return
        noted = isinstance(why, Rewind)
        if isinstance(why, Rewind):
            error = why = why.error
        failed = isinstance(error, Exception) and not isinstance(error, _UNWRITABLE)
        if failed and self.native.mode == "live" and not isinstance(self.aborted, _UNWRITABLE):
            try:
                self._note_crash()
                if not noted:
                    _decisions.ended(self, why)
                self._note_cut_off()
                self.native.fail_run(describe(why), failures_behind(error))
                self.answered.goes_live(self)
                _events.of_execution(self, "failure", "failed", error=why)
            except OmiumError as trouble:
                self.native.release()
                raise trouble from error
        try:
            if not isinstance(error, Exception) and self.native.mode == "live" and not is_unwritable(why):
                self._note_cut_off()
        finally:
            self.native.release()

    def _note_cut_off(self) -> None:
        """Notes which calls were cancelled because the run ended: those after which the code did nothing more."""
        from omium.runtime._cancelled import ended

        for seq in [seq for seq, claims in self.cancelled.items() if claims == self.claims]:
            ended(self, seq)


def after_fork() -> None:
    """Makes the runs of the parent strangers to the child."""
    global _pid
    _pid = os.getpid()
