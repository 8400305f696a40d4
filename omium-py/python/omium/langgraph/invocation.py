"""One invocation of a graph on its thread, from the moment LangGraph begins it until all it did is over.

The thread is an execution, and an execution has one writer. A thread that ever recorded something in its nodes is
leased when an invocation begins; any other by the first invocation of which a node records something. Until then
invocations run beside each other, as with other savers, and everything one saves says what it saw when it began.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from langgraph.checkpoint.serde.types import ERROR

from omium import config
from omium._replay import ThreadInReplay
from omium.effects._undo import refuse_open
from omium.exceptions import Fenced, InvalidInput, LeaseHeld, OmiumError, Waiting
from omium.langgraph.coordinates import Scopes
from omium.langgraph.passing import as_failure, let_through
from omium.recovery import watch
from omium.runtime import _context, _under_way
from omium.runtime._live import LiveRun, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from omium._omium import Run, Seen, Store

    By = Seen | Run | None

__all__ = ["Invocation", "holder", "refuse_in_replay"]


class Invocation:
    """Its own run of the thread's record; two of one thread never share one."""

    def __init__(self, store: Store, id: str, loop: Any) -> None:
        self.store = store
        self.id = id
        self.lock = threading.RLock()
        self.run: LiveRun | None = None
        """Under the lease."""
        self.over = False
        self.leaving = False
        """Whether LangGraph is about to leave it."""
        self.refused: OmiumError | None = None
        """Why nothing of it is saved any more."""
        self.scopes = Scopes(store, id)
        self.tasks: dict[str, Any] = {}
        """What its nodes know of LangGraph's tasks, by their ids."""
        self._seen: Seen
        self.strand = _context.strand()
        """Where it begins."""
        self.thread = threading.get_ident()
        self._loop = weakref.ref(loop)
        # A loop that nobody unwinds, for its event loop has gone, holds no lease either.
        weakref.finalize(loop, self.leave, None).atexit = False

    def is_on(self, store: Store, id: str) -> bool:
        return not self.over and (self.store.path, self.id) == (store.path, id)

    # Beginning, and taking the lease.

    def begin(self, *, waits: bool) -> None:
        """Before LangGraph reads anything. Raises LeaseHeld while somebody living has the thread.

        Whoever waits for others has others wait for itself, whatever its nodes do.
        """
        refuse_in_replay(self.id)
        self._seen = self.store.observe(self.id)
        if waits or self._seen.leased_once:
            refuse_open(self.store, self.id)
            with self.lock:
                self.run = self._run(self.store.begin("langgraph", self.id, mode="enter"))

    def leased(self) -> LiveRun:
        """The run a node records in."""
        with self.lock:
            if self.over:
                self.refuse_left()
            if self.refused is not None:
                raise self.refused
            if self.run is not None and self.run.of_this_process():
                return self.run
            try:
                self.run = self._run(self._join())
            except OmiumError as error:
                self.refused = error
                raise
            return self.run

    def refuse_left(self) -> NoReturn:
        raise InvalidInput(f"execution {self.id!r} has ended: its graph was left while this node still ran")

    def _join(self) -> Run:
        refuse_open(self.store, self.id)
        loop = self._loop()
        if loop is not None:
            # LangGraph saves the state while the nodes that follow it run already.
            self._seen.runs_from(str(loop.checkpoint["id"]))
        try:
            return self.store.join("langgraph", self._seen)
        except Fenced as error:
            raise self._overtaken() or error from None

    def _overtaken(self) -> Fenced | None:
        """Why it may not record when nobody ended it: another one that records nothing saved a newer state."""
        with suppress(OmiumError):
            seen = self.store.observe(self.id)
            if not seen.leased_once and (seen.newest or "") > (self._seen.newest or ""):
                return Fenced(
                    f"the thread {self.id!r} went on without this invocation: another one saved a newer state of it; "
                    "invoke it again, it goes on from there"
                )
        return None

    def _run(self, native: Run) -> LiveRun:
        run = LiveRun(self.store, native, config.settings().codec)
        run.watch = watch(config.settings().detect)
        run.let_through = let_through
        _holders[self.store.path, self.id] = self
        return run

    # Saving.

    def save(self, commit: Callable[[By], None], channels: Collection[str] | None = None) -> None:
        """Commits a state, or what a task wrote to `channels`, for this invocation."""
        if self.refused is not None:
            raise as_failure(self.refused)
        run = self.run
        # What ended the run, when something on the way swallowed it and saves a result.
        if run is not None and run.aborted is not None and (channels is None or ERROR not in channels):
            raise as_failure(run.aborted)
        try:
            commit(self._seen if run is None else run.native)
        except (LeaseHeld, Fenced) as error:
            with self.lock:
                taken = self.run if run is None else None
            if taken is None:
                self.refused = self.refused or error
                raise
            # A node of it has taken the lease meanwhile.
            commit(taken.native)

    # Leaving.

    def leaves(self) -> None:
        self.leaving = True

    def leave(self, error: BaseException | None) -> None:
        """It is over. What a thread of it still does outside is waited for; the lease is kept till then."""
        with self.lock:
            if self.over:
                return
            self.over = self.leaving = True
            self.tasks.clear()
            run = self.run
            if run is None or not run.of_this_process():
                return
            if run.under_way:
                threading.Thread(target=self._leave_later, args=(run, error), daemon=True).start()
            else:
                self._left(run, error)

    def _leave_later(self, run: LiveRun, error: BaseException | None) -> None:
        _under_way.wait(run)
        with self.lock:
            self._left(run, error)

    def _left(self, run: LiveRun, error: BaseException | None) -> None:
        run.ended = True
        why = run.aborted or error
        try:
            if isinstance(error, Exception) and isinstance(why, Exception) and self.refused is None:
                # The exception is on its way already, and goes before a trouble of the store.
                with suppress(OmiumError):
                    self._settle(run, why)
            self._forget_empty()
        finally:
            run.native.release()
            if holder(self) is self:
                del _holders[self.store.path, self.id]

    def _settle(self, run: LiveRun, error: Exception) -> None:
        """LangGraph saved how it ended before the nodes beside it had ended, and what these record says it runs."""
        ended = "waiting" if isinstance(error, Waiting) else "failed"
        if self.store.execution(self.id).status in (ended, "completed", "cancelled"):
            return
        if isinstance(error, Waiting):
            run.native.wait(str(error))
        else:
            run.native.fail_run(describe(error))

    def _forget_empty(self) -> None:
        """Nothing is left of an invocation that took the lease of a new thread and did nothing."""
        if self._seen.newest is None:
            with suppress(OmiumError):
                if self.store.execution(self.id).head == 0:
                    self.store.delete_running(self.id)


def holder(of: Invocation) -> Invocation | None:
    """The invocation of this process that has the thread."""
    return _holders.get((of.store.path, of.id))


_holders: weakref.WeakValueDictionary[tuple[str, str], Invocation] = weakref.WeakValueDictionary()


def refuse_in_replay(thread: str) -> None:
    """A graph goes on from where its thread stands, and so cannot be answered from the record as code around it is."""
    if not _context.replays():
        return
    error = ThreadInReplay(
        f"the code runs a graph on the LangGraph thread {thread!r}, an execution of its own, which a replay of the "
        "code around it would run on",
        thread,
    )
    around = _context.current.get()
    if around is not None:
        around.run.abort(error)
    raise error
