"""JSON from outside, which may be anything."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["parsed"]


def parsed(data: str | bytes) -> Any:
    """What the JSON says. Raises ValueError for everything that is none, however deep it is nested."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
