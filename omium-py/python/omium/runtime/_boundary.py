"""The moments between which a process can die: `omium run` tells of them, `omium torture` kills there.

Nobody watches unless asked to, and then a moment costs one comparison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Boundary", "Moment", "reach", "watcher"]

Moment = Literal[
    "begins", "begun", "answered", "claimed", "intended", "body", "done", "recorded", "failed", "complete", "ended"
]
"""Of an execution: begins (is about to), begun, complete (about to be), ended. Of a call, in this order: answered
from the record; or claimed, intended (effects), body (about to begin), done (it has ended), recorded; failed is
recorded too."""


class Boundary(NamedTuple):
    """One moment of one call."""

    moment: Moment
    kind: str
    execution: str
    scope: str
    name: str
    key: str
    occurrence: int


watcher: Callable[[Boundary], None] | None = None
"""Who is told of every moment of this process."""


def reach(
    moment: Moment, kind: str, execution: str, scope: str = "", name: str = "", key: str = "", occurrence: int = 0
) -> None:
    """A moment has come."""
    if watcher is not None:
        watcher(Boundary(moment, kind, execution, scope, name, key, occurrence))
