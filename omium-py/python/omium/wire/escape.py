"""Lets omium's own errors through the SDKs that turn whatever `send` raises into a connection error.

They retry it, too, and would hide a divergence or a spent budget behind three seconds of waiting. But each
lets errors of its own kind pass: so ours become of that kind as well, and stay what they are.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omium.exceptions import OmiumError

__all__ = ["passing"]

_ROOTS = (("openai", "OpenAIError"), ("anthropic", "AnthropicError"))


def passing(error: OmiumError) -> OmiumError:
    """The very error, made one that the SDKs which are loaded do not wrap."""
    roots = [getattr(sys.modules.get(module), name, None) for module, name in _ROOTS]
    missing = tuple(root for root in roots if isinstance(root, type) and not isinstance(error, root))
    if missing:
        # Changed in place: its traceback stays, and it is still the one that aborted the execution.
        ours: Any = type(error)
        error.__class__ = _both(ours, *missing)
    return error


@cache
def _both(ours: Any, *roots: type) -> Any:
    """A class that is both, and looks like ours in every message."""

    def reduce(error: Any) -> tuple[object, ...]:
        return ours, error.args, vars(error)

    names = {"__module__": ours.__module__, "__qualname__": ours.__qualname__, "__doc__": ours.__doc__}
    return type(ours.__name__, (ours, *roots), {**names, "__reduce__": reduce})
