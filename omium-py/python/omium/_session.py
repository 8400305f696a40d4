"""Opens an execution around some code and ends it as that code ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from omium import _replay, codec, config
from omium._leaving import leaving, readable
from omium.effects._undo import finish
from omium.exceptions import ExecutionNotFound, InvalidInput, LeaseHeld, OmiumError, RolledBack, Waiting
from omium.recovery import _decisions, watch
from omium.runtime import _boundary, _context, _events, _under_way
from omium.runtime._context import Frame
from omium.runtime._course import served_by
from omium.runtime._finished import FINISHED, finished
from omium.runtime._live import LiveRun, Mode, Rewind, describe
from omium.runtime._worker import off_loop

if TYPE_CHECKING:
    from types import TracebackType

    from omium import _omium
    from omium._handle import Execution
    from omium.recovery import Detect
    from omium.runtime._budget import Budget
    from omium.runtime._code import Code

__all__ = ["Session"]

R = TypeVar("R")

_LOOSE = "execution"
"""The workflow of an execution that was given none."""


class Session(Generic[R]):
    """A context manager, plain and async, whose target is the execution's handle.

    One that `parks` ends without an exception when the execution waits for an answer.
    """

    def __init__(
        self,
        handle: Execution[R],
        workflow: str | None,
        *,
        codec_name: str,
        mode: Mode = "live",
        input: codec.Blob | None = None,
        source: str | None = None,
        code: Code | None = None,
        budget: Budget | None = None,
        detect: Detect | None = None,
        parks: bool = False,
    ) -> None:
        self.handle = handle
        self.result: Any = None
        self.error: BaseException | None = None
        """What the code ended with."""
        self._workflow = workflow
        self._codec = codec_name
        self._mode = mode
        self._input = input
        self._source = source
        self._code = code
        self._budget = budget
        self._detect = detect
        self._parks = parks
        self._outer: Frame | None = None
        self.begun = False
        """Whether the execution could be opened: then there is a `run`."""
        self.run: LiveRun
        """Set on entering."""

    @property
    def replays(self) -> bool:
        """Whether nothing is to run that is not on record."""
        return self._mode == "record" or _context.replays()

    def has_met(self, error: BaseException) -> bool:
        """Whether the error is what ended its code, or its run."""
        return error is self.error or error is self.run.aborted

    @property
    def finished(self) -> bool:
        """Whether the execution had ended before: everything is answered from the record."""
        return self._mode == "live" and self.run.native.mode == "record"

    def __enter__(self) -> Execution[R]:
        with leaving(self.handle.id):
            self._begin()
        return self._entered()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        _context.current.set(self._outer)
        # Whoever interrupts the program does not want to wait.
        with leaving(self.handle.id):
            if isinstance(error, Exception):
                _under_way.wait(self.run)
            return self._left(self._close(error))

    async def __aenter__(self) -> Execution[R]:
        from asyncio import get_running_loop

        with leaving(self.handle.id):
            try:
                await off_loop(served_by, get_running_loop(), self._begin)
            except BaseException:
                # A cancellation may arrive when the lease is taken already.
                if self.begun:
                    await off_loop(self.run.native.release)
                raise
        return self._entered()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        _context.current.set(self._outer)
        with leaving(self.handle.id):
            if isinstance(error, Exception):
                await _under_way.await_(self.run)
            return self._left(await off_loop(self._close, error))

    def _begin(self) -> None:
        _boundary.reach("begins", "execution", self.handle.id)
        if not config.instrumented():
            config.instrument()
        if self.replays:
            # A replay of the code around it runs nothing here either.
            self._mode = "record"
        died = None
        if self._mode == "live":
            # Code must not run forward from effects of which some are undone and others are not, nor from a
            # failure that is to be repaired further back.
            finish(self.handle.store, self.handle.id)
            died = self._go_back()
        try:
            native = self.handle.store.begin(
                self._named(), self.handle.id, input=self._input, source=self._source, mode=self._mode
            )
        except LeaseHeld as held:
            what = f"{held}; omium.get({self.handle.id!r}).result(timeout=SECONDS) waits for what comes of it"
            raise LeaseHeld(what, owner=held.owner, expires_at=held.expires_at) from None
        except InvalidInput as error:
            known = self._known()
            if known is None or known.status not in FINISHED or known.workflow == self._workflow:
                raise
            belongs = f"it belongs to workflow {known.workflow!r}, not {self._workflow!r}"
            raise InvalidInput(f"{finished(known)}; {belongs}") from error
        self.run = LiveRun(self.handle.store, native, self._codec)
        self.run.budget = self._budget
        self.run.let_through = _context.letting_through()
        self.run.replays = self.replays
        self.begun = True
        if _replay.opened is not None:
            _replay.opened.append(self)
        if native.mode == "live":
            self.run.rewinds = True
            self.run.code = self._code
            self.run.watch = watch(self._detect or config.settings().detect)
            self.run.died = native.taken_from or died
            _events.of_execution(self.run, "resume" if native.resumed else "begin", "running")
        _boundary.reach("begun", "execution", self.handle.id)

    def _go_back(self) -> str | None:
        """Makes the rollback that a recovery policy had decided; says who died before it was made."""
        try:
            to = _decisions.pending(self.handle.store, self.handle.id)
        except ExecutionNotFound:
            return None
        if to is None:
            return None
        died = self.handle.orphaned
        self.handle.rollback(to)
        return "the process before this one" if died else None

    def again(self) -> Session[R]:
        """The same once more, for a run that follows this one."""
        other: Session[R] = object.__new__(type(self))
        vars(other).update(vars(self), result=None, error=None, begun=False)
        return other

    def _named(self) -> str:
        """The workflow: the one given, else the one on record."""
        if self._workflow is not None:
            return self._workflow
        known = self._known()
        return _LOOSE if known is None else known.workflow

    def _known(self) -> _omium.Execution | None:
        """What is on record; None where there is nothing yet, unless it is to be read."""
        try:
            return self.handle.known()
        except ExecutionNotFound:
            if self._mode == "record":
                raise
            return None

    def _entered(self) -> Execution[R]:
        self._outer = _context.current.get()
        _context.current.set(Frame(self.run, "", 0, _context.strand(), host=_context.place()))
        return self.handle

    def _left(self, handled: bool) -> bool:
        if self.error is not None and not handled:
            readable(self.error, self.handle.id)
        return handled

    def _close(self, error: BaseException | None) -> bool:
        self.error = error
        aborted = self.run.aborted
        waits = isinstance(aborted, Waiting) and (error is None or isinstance(error, Exception))
        try:
            self._end(error)
        except Waiting:
            if not (waits and self._parks):
                raise
        except Rewind as rewind:
            if self._parks:
                raise
            raise self._rolled_back(rewind) from rewind.error
        if isinstance(aborted, Rewind) and not self._parks:
            raise self._rolled_back(aborted) from aborted.error
        return waits and self._parks

    def _rolled_back(self, rewind: Rewind) -> RolledBack:
        """Goes back: the code of a `with` block can only be run again by whoever ran it."""
        if rewind.to is not None:
            self.handle.rollback(rewind.to)
        return RolledBack(f"{describe(rewind.error)}; {self.handle.id!r} went back: run the program again to go on")

    def _end(self, error: BaseException | None) -> None:
        if not self.run.of_this_process():
            return
        if error is not None:
            self.run.stop(error)
            aborted = self.run.aborted
            rewinds = isinstance(aborted, Rewind)
            if aborted is not None and aborted is not error and (rewinds or isinstance(error, Exception)):
                # An SDK or a framework made an error of its own of it.
                raise aborted from error
            return
        try:
            result = None if self.result is None else codec.dumps(self.result, self._codec)
        except OmiumError as unrecorded:
            self.run.stop(unrecorded)
            raise
        self.run.finish(result)
