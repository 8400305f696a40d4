"""Two encoded values as readable lines: what changed from one to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omium.codec import Blob


def lines(recorded: Blob | None, present: Blob | None) -> list[str]:
    from omium.view._diff import diff, render
    from omium.view._inspect import plain

    old = None if recorded is None else plain(*recorded)
    new = None if present is None else plain(*present)
    return [line.text for line in render(diff(old, new))]
