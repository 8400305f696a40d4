"""Two encoded values as readable lines: what changed from one to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from omium.codec import Blob


def lines(recorded: Blob | None, present: Blob | None, counts: Callable[[str], bool] | None = None) -> list[str]:
    """Of two sets of arguments only what `counts` among the recorded ones."""
    from omium.view._diff import diff, render
    from omium.view._inspect import plain

    old = None if recorded is None else plain(*recorded)
    new = None if present is None else plain(*present)
    if counts is not None and isinstance(old, dict) and isinstance(new, dict):
        old = {name: value for name, value in old.items() if counts(name)}
        if not old and new:
            # A key that a function makes is not among the arguments.
            return []
    return [line.text for line in render(diff(old, new))]
