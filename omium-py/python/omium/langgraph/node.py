"""Inside a node: the thread is the execution, and what the node does is recorded in it.

LangGraph keeps the config of the running task in a context variable. Where its checkpointer is a Saver,
steps, effects and model calls find their execution there, with no `with` block. A node that runs again,
after a crash, an exception or an interrupt, is answered from what it recorded before.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.checkpoint.serde.types import ERROR, RESUME
from langgraph.errors import GraphBubbleUp

from omium import config
from omium._replay import ThreadInReplay
from omium.effects._undo import refuse_open
from omium.exceptions import InvalidInput, OmiumError, Waiting
from omium.langgraph.coordinates import CALL, TASK, Coordinates, Scopes, attempt_of, coordinates, invocation_of
from omium.langgraph.hidden import Hidden
from omium.langgraph.invocation import at_end
from omium.langgraph.passing import as_failure, let_through
from omium.recovery import watch
from omium.runtime import _context, _under_way
from omium.runtime._context import Frame
from omium.runtime._live import LiveRun, describe

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from omium._omium import Store

__all__ = ["NODES", "Nodes", "refuse_in_replay"]

_CHECKPOINTER = "__pregel_checkpointer"
_SCRATCHPAD = "__pregel_scratchpad"
_IDLE_MAX = 1024
_NOBODY = 0
"""No strand: whatever runs in a node, in parallel or not, is found by its address alone."""


class _Task:
    """One execution of one task of a graph; an attempt after a failure is another one."""

    def __init__(self, thread: _Thread, id: str, graph: Any, marks: tuple[Any, int], where: Coordinates) -> None:
        self.thread = thread
        self.id = id
        self.graph = graph
        """The invocation it belongs to: LangGraph's loop."""
        self.marks = marks
        """The scratchpad LangGraph made for it, and the number of the attempt."""
        self.where = where
        self.scope: str | None = None
        """None before it recorded anything."""


class _Thread:
    """A thread while nodes of it run in this process."""

    def __init__(self, store: Store, id: str) -> None:
        self.store = store
        self.id = id
        self.lock = threading.RLock()
        self.tasks: dict[str, _Task] = {}
        self.run: LiveRun | None = None
        self.scopes = Scopes(store, id)
        self.watch = watch(config.settings().detect)
        """Of one invocation of the graph: each superstep opens a run of its own."""
        self.begun: weakref.WeakSet[Any] = weakref.WeakSet()
        self.over: weakref.WeakSet[Any] = weakref.WeakSet()
        """Invocations, as LangGraph's loops."""

    def task(self, id: str, marks: tuple[Any, int], config: Mapping[str, Any]) -> _Task:
        with self.lock:
            task = self.tasks.get(id)
            if task is not None and task.graph in self.over:
                self._refuse()
            if task is None or task.marks[0] is not marks[0] or task.marks[1] != marks[1]:
                graph = invocation_of(config["configurable"])
                self._enter(graph)
                where = coordinates(config["configurable"], config.get("metadata") or {})
                task = self.tasks[id] = _Task(self, id, graph, marks, where)
            return task

    def _enter(self, graph: Any) -> None:
        if graph in self.over:
            self._refuse()
        if graph not in self.begun:
            self.begun.add(graph)
            at_end(graph, partial(self.leave, graph), self._under_way)

    def _refuse(self) -> NoReturn:
        raise InvalidInput(f"execution {self.id!r} has ended: its graph was left while this node still ran")

    async def _under_way(self) -> None:
        if self.run is not None:
            await _under_way.await_(self.run)

    def leave(self, graph: Any, error: BaseException | None) -> None:
        """The invocation is over. What a thread of it still does outside is waited for; the lease is kept till then."""
        with self.lock:
            self.over.add(graph)
            run = self.run
            if run is not None and run.under_way:
                threading.Thread(target=self._leave_later, args=(graph, error, run), daemon=True).start()
            else:
                self._left(graph, error)

    def _leave_later(self, graph: Any, error: BaseException | None, run: LiveRun) -> None:
        _under_way.wait(run)
        with self.lock:
            self._left(graph, error)

    def _left(self, graph: Any, error: BaseException | None) -> None:
        over = [task for task in self.tasks.values() if task.graph is graph]
        run = self.run
        why = error if run is None else run.aborted or error
        if isinstance(error, Exception) and isinstance(why, Exception) and len(over) == len(self.tasks):
            # The exception is on its way already, and goes before a trouble of the store.
            with suppress(OmiumError):
                self._settle(why)
        self.end(over)
        if self.run is not None and self.run.ended:
            self.run = None

    def _settle(self, error: Exception) -> None:
        """LangGraph saved how it ended before the nodes beside it had ended, and what these record says it runs."""
        ended = "waiting" if isinstance(error, Waiting) else "failed"
        if self.store.execution(self.id).status in (ended, "completed", "cancelled"):
            return
        run = self.run
        native = (
            run.native if run is not None and not run.ended else self.store.begin("langgraph", self.id, mode="attach")
        )
        try:
            if isinstance(error, Waiting):
                native.wait(str(error))
            else:
                native.fail_run(describe(error))
        finally:
            native.release()

    @property
    def idle(self) -> bool:
        return not self.tasks and self.run is None

    def frame(self, task: _Task) -> Frame:
        with self.lock:
            run = self._opened()
            if task.scope is None:
                task.scope = self.scopes.of(task.where, run)
                run.native.restart(task.scope)
        return Frame(run, task.scope, 0, _NOBODY, host=task)

    def end(self, tasks: Sequence[_Task]) -> None:
        """Gives the lease back when the last of its nodes has ended."""
        with self.lock:
            for task in tasks:
                self.tasks.pop(task.id, None)
            run = self.run
            if run is None or self.tasks:
                return
            run.ended = True
            run.native.release()
            # What aborted it is not forgotten: the graph may have taken it for an answer of a tool.
            if run.aborted is None:
                self.run = None

    def start(self) -> None:
        """A new invocation of the graph: whatever aborted the one before is over."""
        with self.lock:
            self.watch = watch(config.settings().detect)
            if self.run is not None and self.run.ended:
                self.run = None

    def _opened(self) -> LiveRun:
        refuse_in_replay(self.id)
        if self.run is None or not self.run.of_this_process():
            refuse_open(self.store, self.id)
            native = self.store.begin("langgraph", self.id, mode="attach")
            self.run = LiveRun(self.store, native, config.settings().codec)
            self.run.watch = self.watch
            self.run.let_through = let_through
        return self.run


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


@contextmanager
def _letting_through() -> Iterator[None]:
    """For what is refused before there is a run to abort."""
    try:
        yield
    except OmiumError as error:
        let_through(error)
        raise


class Nodes:
    """The host `_context.frame` asks; a Saver tells it when nodes end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: dict[tuple[str, str], _Thread] = {}

    def place(self) -> _Task | Hidden | None:
        """The task that runs here; None outside of a node of a graph that has a Saver which records in nodes."""
        known = var_child_runnable_config.get()
        if not known:
            return None
        parts: Mapping[str, Any] = known.get("configurable") or {}
        saver, id, name = parts.get(_CHECKPOINTER), parts.get(TASK), parts.get("thread_id")
        store = getattr(saver, "store_of_nodes", None)
        # Who edits a state has all of these, and runs no node.
        if store is None or id is None or name is None or CALL not in parts:
            return None
        found: Store | Hidden | None = store(str(name))
        if found is None or isinstance(found, Hidden):
            return found
        thread = self._thread(found, str(name))
        with _letting_through():
            return thread.task(id, (parts.get(_SCRATCHPAD), attempt_of(parts)), known)

    def frame(self, place: _Task | Hidden) -> Frame:
        with _letting_through():
            return place.refuse() if isinstance(place, Hidden) else place.thread.frame(place)

    def stops(self, error: BaseException) -> bool:
        """An interrupt, or a command to the graph around this one."""
        return isinstance(error, GraphBubbleUp)

    def let_through(self, error: BaseException) -> None:
        """So that no policy and no handler of the graph answers it."""
        let_through(error)

    def starts(self, store: Store, config: Mapping[str, Any]) -> None:
        """A graph reads where it stands before it runs its nodes; so does each subgraph of it."""
        parts = config.get("configurable") or {}
        thread = self._threads.get((store.path, str(parts["thread_id"])))
        if thread is not None and not parts.get("checkpoint_ns"):
            thread.start()

    def refuse(self, store: Store, name: str, channels: Collection[str] = ()) -> None:
        """Raises what ended the run, when something on the way swallowed it and saves a result."""
        thread = self._threads.get((store.path, name))
        run = None if thread is None else thread.run
        if thread is not None and run is not None and run.aborted is not None and ERROR not in channels:
            thread.end(tuple(thread.tasks.values()))
            raise as_failure(run.aborted)

    def wrote(self, store: Store, name: str, task: str, channels: Collection[str]) -> None:
        """A task has ended: LangGraph saved what it wrote, its failure or its interrupt."""
        thread = self._threads.get((store.path, name))
        ended = None if thread is None else thread.tasks.get(task)
        if thread is not None and ended is not None and set(channels) != {RESUME}:
            thread.end([ended])

    def saved(self, store: Store, name: str, scope: str, parent: str | None) -> None:
        """A superstep has ended: its checkpoint follows the one its tasks ran from."""
        thread = self._threads.get((store.path, name))
        if thread is not None:
            over = [task for task in tuple(thread.tasks.values()) if task.where.ran_from(scope, parent)]
            thread.end(over)

    def _thread(self, store: Store, name: str) -> _Thread:
        with self._lock:
            thread = self._threads.get((store.path, name))
            if thread is None:
                if len(self._threads) >= _IDLE_MAX:
                    for key in [key for key, each in self._threads.items() if each.idle]:
                        del self._threads[key]
                thread = self._threads[store.path, name] = _Thread(store, name)
            return thread


NODES = Nodes()
_context.hosts.append(NODES)
