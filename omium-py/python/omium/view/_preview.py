"""A value on one line, for messages: cut short, and without its secrets."""

from __future__ import annotations

from typing import Any

from omium import _redact, codec
from omium.exceptions import NotSerializable
from omium.view import _pretty
from omium.view._inspect import plain

__all__ = ["preview"]

_WIDTH = 160


def preview(value: Any, width: int = _WIDTH) -> str:
    """The value as `omium cat` shows it, in at most `width` columns; of what cannot be recorded, its type."""
    try:
        recorded = plain(*codec.dumps(value))
    except NotSerializable as error:
        if error.path in (None, "$"):
            return f"<{type(value).__qualname__}>"
        return f"<{type(value).__qualname__} with a {error.type} at {error.path}>"
    return _pretty.one_line(_redact.tree(recorded), width)
