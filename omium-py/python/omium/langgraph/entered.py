"""Which of LangGraph's loops a task runs in: each leaves its name in the config of its tasks as it is entered."""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any

from omium.exceptions import InvalidInput, OmiumError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Entered", "entered"]

# LangGraph keeps keys that begin so from what it shows.
_LOOP = "__pregel_omium_loop"
_numbers = itertools.count()


class Entered:
    """A loop, from the moment it was entered."""

    __slots__ = ("_loop", "config", "number")

    def __init__(self, loop: Any) -> None:
        self._loop = weakref.ref(loop)
        self.config: Mapping[str, Any] = loop.config
        """That of the task around it; that of the caller, if there is none."""
        self.number = next(_numbers)
        """Grows: of two loops with the same tasks the later one has taken the place of the other."""
        loop.config = {**loop.config, "configurable": {**loop.config["configurable"], _LOOP: self}}

    @property
    def loop(self) -> Any:
        loop = self._loop()
        if loop is None:
            raise InvalidInput("the graph was left while this node still ran: wait for its threads inside it")
        return loop


def entered(parts: Mapping[str, Any]) -> Entered:
    """The loop a task with this config runs in.

    A wrong guess of what is around a task would have two tasks answered with each other's effects, so none is made.
    """
    found = parts.get(_LOOP)
    if not isinstance(found, Entered):
        raise OmiumError("this version of LangGraph does not tell where a node runs: omium cannot record in it")
    return found
