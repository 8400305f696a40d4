"""What `omium.init()` and the first execution call once CrewAI is imported.

A CrewAI that is not known does not keep a program from starting. It refuses to be kicked off inside an
execution, where nothing of it would be recorded.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from omium.crewai import _check, _install, _patch
from omium.exceptions import FrameworkUnsupported
from omium.runtime import _context

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["instrument"]

_KICKOFFS = (
    ("crewai.crew", "Crew", ("kickoff", "akickoff")),
    ("crewai.flow.flow", "Flow", ("kickoff_async",)),
    ("crewai.agent", "Agent", ("kickoff", "kickoff_async")),
)


def instrument() -> None:
    """Instruments CrewAI unless the program has done so, with policies of its own."""
    if _install.installed():
        return
    try:
        _install.instrument()
    except FrameworkUnsupported as error:
        _refuse(error)


def _refuse(error: FrameworkUnsupported) -> None:
    def refusing(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def kickoff(self: Any, *args: Any, **kwargs: Any) -> Any:
            if _context.frame() is not None:
                raise error
            return method(self, *args, **kwargs)

        return kickoff

    for module, owner, methods in _KICKOFFS:
        found = _check.find(module, owner)
        for name in methods if found is not None else ():
            _patch.inherited(found, name, refusing)
