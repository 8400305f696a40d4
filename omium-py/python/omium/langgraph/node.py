"""Inside a node: the thread is the execution, and what the node does is recorded in it.

LangGraph keeps the config of the running task in a context variable. Where its checkpointer is a Saver,
steps, effects and model calls find their execution there, with no `with` block. A node that runs again,
after a crash, an exception or an interrupt, is answered from what it recorded before.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.errors import GraphBubbleUp

from omium.exceptions import ExecutionNotFound, Fenced, InvalidInput, OmiumError
from omium.langgraph.coordinates import CALL, TASK, Coordinates, attempt_of, coordinates
from omium.langgraph.entered import entered
from omium.langgraph.hidden import Hidden
from omium.langgraph.loops import lender
from omium.langgraph.passing import let_through
from omium.runtime import _context
from omium.runtime._context import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from omium.langgraph.invocation import Invocation

__all__ = ["NODES", "Nodes"]

_SCRATCHPAD = "__pregel_scratchpad"
_NOBODY = 0
"""No strand: whatever runs in a node, in parallel or not, is found by its address alone."""


class _Attempt(NamedTuple):
    """One execution of one task; the greater one has taken the place of the other."""

    loop: int
    """The number of the loop it runs in: a graph below a node runs in another one when the node is tried again."""
    number: int


class _Task:
    """One attempt at one task of a graph."""

    def __init__(self, invocation: Invocation, attempt: _Attempt, scratchpad: Any, where: Coordinates) -> None:
        self.invocation = invocation
        self.attempt = attempt
        self.scratchpad = scratchpad
        """LangGraph makes one for each time it prepares the task; None when that has ended."""
        self.where = where
        self.scope: str | None = None
        """None before it recorded anything."""

    def frame(self) -> Frame:
        invocation = self.invocation
        with invocation.lock:
            run = invocation.leased()
            if self.scope is None:
                try:
                    self.scope = invocation.scopes.of(self.where, run)
                except ExecutionNotFound:
                    raise Fenced(
                        f"the thread {invocation.id!r} was deleted: this invocation records nothing more"
                    ) from None
                run.native.restart(self.scope)
        return Frame(run, self.scope, 0, _NOBODY, host=self)


class Nodes:
    """The host `_context.frame` asks."""

    def place(self) -> _Task | Hidden | None:
        """The task that runs here; None outside of a node of a graph that has a Saver which records in nodes."""
        known = var_child_runnable_config.get()
        parts: Mapping[str, Any] = (known or {}).get("configurable") or {}
        saver, id = lender(known), parts.get(TASK)
        # Who edits a state has all of these, and runs no node.
        if saver is None or saver.invocation is None or id is None or CALL not in parts:
            return None
        invocation = saver.invocation
        found = saver.store_of_nodes(invocation.id)
        if found is None or isinstance(found, Hidden):
            return found
        with _letting_through(), invocation.lock:
            if invocation.over:
                invocation.refuse_left()
            return self._task(invocation, str(id), known or {}, parts)

    def _task(self, invocation: Invocation, id: str, known: Mapping[str, Any], parts: Mapping[str, Any]) -> _Task:
        task, attempt = invocation.tasks.get(id), _Attempt(entered(parts).number, attempt_of(parts))
        scratchpad = parts.get(_SCRATCHPAD)
        if task is not None and task.attempt > attempt:
            raise InvalidInput(
                f"this node of {invocation.id!r} is tried again already: what is left of its earlier attempt can "
                "record nothing; wait for its threads inside it"
            )
        again = task is not None and task.scratchpad is not None and task.scratchpad is not scratchpad
        if task is None or task.attempt != attempt or again:
            where = coordinates(parts, known.get("metadata") or {})
            task = invocation.tasks[id] = _Task(invocation, attempt, scratchpad, where)
        return task

    def ended(self, invocation: Invocation, id: str) -> None:
        """LangGraph has saved what the task wrote, its failure or its interrupt."""
        task = invocation.tasks.get(id)
        if task is not None:
            task.scratchpad = None

    def frame(self, place: _Task | Hidden) -> Frame:
        with _letting_through():
            return place.refuse() if isinstance(place, Hidden) else place.frame()

    def stops(self, error: BaseException) -> bool:
        """An interrupt, or a command to the graph around this one."""
        return isinstance(error, GraphBubbleUp)

    def let_through(self, error: BaseException) -> None:
        """So that no policy and no handler of the graph answers it."""
        let_through(error)


@contextmanager
def _letting_through() -> Iterator[None]:
    """For what is refused before there is a run to abort."""
    try:
        yield
    except OmiumError as error:
        let_through(error)
        raise


NODES = Nodes()
_context.hosts.append(NODES)
