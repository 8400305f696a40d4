"""The order of an agent's model calls, which its threads do not tell.

CrewAI makes each call in another copy of the context, so to omium each is a strand of its own. But an agent
at work on a task makes one call after the other: where the record holds a next call and the agent asks for
something else, its prompt is another one, and nothing that follows would be answered.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from omium.crewai._escape import unordered
from omium.runtime import _context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omium.runtime._context import Frame

__all__ = ["Order", "Turn", "current"]


class Order:
    """How far the agent has come that asks first in one scope. What others ask there is in no order.

    Once two of its calls overlap, or one fails and CrewAI starts the conversation again, nothing that
    follows in this run is taken to be in order.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._agent: Any = None
        self._prev: int | None = None
        self._busy = False
        self._lost = False

    def take(self, frame: Frame, agent: Any) -> Frame | None:
        """The frame for the agent's next call; None when that is in no order."""
        with self._lock:
            if self._agent is None:
                self._agent = agent
            if agent is not self._agent:
                return None
            if self._busy or self._lost:
                self._lost = True
                return None
            self._busy = True
            prev = frame.prev if self._prev is None else self._prev
            return frame._replace(prev=prev, owner=_context.strand())

    def give(self, seq: int | None) -> None:
        """Ends the call that has the turn; without an entry it failed."""
        with self._lock:
            self._busy = False
            self._prev = seq
            self._lost = self._lost or seq is None


current: ContextVar[Order | None] = ContextVar("omium_crewai_order", default=None)
"""That of the task or tool whose code runs."""


class Turn:
    """One model call's turn, from its claim to its end."""

    __slots__ = ("_agent", "_order", "_seq", "_taken")

    def __init__(self, given: Mapping[str, Any]) -> None:
        agent = given.get("from_agent")
        # The steps of a plan run side by side, and what is not for a task may be anybody's.
        alone = given.get("from_task") is not None and not getattr(agent, "planning_enabled", True)
        self._order = current.get() if alone else None
        self._agent = agent
        self._taken = False
        self._seq: int | None = None

    def take(self, frame: Frame) -> Frame:
        ordered = None if self._order is None else self._order.take(frame, self._agent)
        self._taken = ordered is not None
        return ordered or unordered(frame)

    def arrive(self, seq: int) -> None:
        self._seq = seq

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._taken and self._order is not None:
            self._order.give(self._seq)
