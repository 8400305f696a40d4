"""`EXEC` and `EXEC@SEQ` as people type them, and as they can paste them back."""

from __future__ import annotations

import re

from omium.cli._terminal import visible

__all__ = ["quoted", "split"]


def split(text: str) -> tuple[str, int | None]:
    """`EXEC@SEQ` at the last @ that digits follow; without one, the whole text is the id."""
    match = re.fullmatch(r"(.*)@([0-9]+)", text, re.DOTALL)
    return (match[1], int(match[2])) if match else (text, None)


def quoted(id: str) -> str:
    """The id as it can be typed into a shell, shortened when it is very long."""
    import shlex

    text = visible(id)
    return shlex.quote(text if len(text) <= 60 else text[:59] + "…")
