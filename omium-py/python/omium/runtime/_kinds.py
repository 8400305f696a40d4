"""Errors that become of another library's kind as well, and stay what they are.

Libraries around the code answer what they do not know, as a failure to connect or a failure of a node, and let pass
what is of a kind of their own.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omium.exceptions import OmiumError

__all__ = ["become"]


def become(error: OmiumError, *kinds: type) -> None:
    """Changed in place: its traceback stays, and it is still the one that aborted the execution. A copy is plain."""
    missing = tuple(kind for kind in kinds if not isinstance(error, kind))
    if missing:
        made_of: Any = getattr(type(error), "_made_of", (type(error),))
        made: Any = _both(*made_of, *missing)
        error.__class__ = made


@cache
def _both(ours: Any, *kinds: Any) -> Any:
    """A class that is all of them, and looks like ours in every message."""

    def reduce(error: Any) -> tuple[object, ...]:
        return ours, error.args, vars(error)

    names = {"__module__": ours.__module__, "__qualname__": ours.__qualname__, "__doc__": ours.__doc__}
    return type(ours.__name__, (ours, *kinds), {**names, "__reduce__": reduce, "_made_of": (ours, *kinds)})
