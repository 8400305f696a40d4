"""What an experiment may do: it answers from another record as well, and lets nothing act on the outside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from omium.exceptions import OmiumError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omium import _omium

__all__ = ["Refused", "Trial", "steady"]

_OF_THIS_RUN = re.compile(r"~[0-9a-f]{24}(?=#)|@[0-9a-f]{8}(?=/|$)")
"""Digests of inputs in a scope, and the marks of a thread's checkpoints."""


def steady(scope: str) -> str:
    """The scope as it is in every run: without what this one was given."""
    return _OF_THIS_RUN.sub("", scope)


class Refused(OmiumError):
    """An experiment came to something it may not do."""


class Trial:
    """Answers calls that were made with the same inputs before; refuses effects, and model calls unless `live`."""

    def __init__(self, record: Sequence[_omium.Entry], *, live: bool = False) -> None:
        self._live = live
        done = [entry for entry in record if entry.status == "done"]
        self._record = {(steady(entry.scope), entry.key, entry.occurrence): entry for entry in done}
        self._record |= {(entry.scope, entry.key, entry.occurrence): entry for entry in done}

    def answer(self, kind: str, claim: _omium.Claim) -> _omium.Entry | None:
        """The entry that answers; None when the code is to run."""
        known = self._record.get((claim.scope, claim.key, claim.occurrence))
        known = known or self._record.get((steady(claim.scope), claim.key, claim.occurrence))
        if known is not None:
            return known
        if kind in ("effect", "tool", "signal", "timer"):
            raise Refused(f"{claim.name} ({kind}) is called with other inputs than on record, and does not run here")
        if kind == "llm" and not self._live:
            raise Refused(f"{claim.name} asks a model what is not on record: --live lets it")
        return None

    def __repr__(self) -> str:
        return f"<Trial of {len(self._record)} entries>"
