"""Two encoded values as readable lines: what changed from one to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omium.codec import Blob


def lines(recorded: Blob | None, present: Blob | None, *, only_named: bool = False) -> list[str]:
    """With `only_named` nothing of what the present one does not name."""
    from omium.view._diff import diff, render
    from omium.view._inspect import plain

    old = None if recorded is None else plain(*recorded)
    new = None if present is None else plain(*present)
    if only_named and isinstance(old, dict) and isinstance(new, dict):
        if not new.keys() <= old.keys():
            # A key that a function makes is not among the arguments.
            return []
        old = {name: value for name, value in old.items() if name in new}
    return [line.text for line in render(diff(old, new))]
