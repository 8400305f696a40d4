"""What happened when something failed, what to do about it, and what it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.recovery._failure import Failure, of_entry
from omium.recovery._failure import of as failure_of
from omium.recovery._policy import Recovery, parse
from omium.recovery._watch import Watch
from omium.recovery.detectors import Detect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from omium import _omium

__all__ = [
    "Detect",
    "Failure",
    "Recovery",
    "failure",
    "failure_of",
    "failures",
    "parse",
    "watch",
]


def failures(entries: Iterable[_omium.Entry]) -> list[Failure]:
    """The failures entries tell of, in their order."""
    from omium.recovery._why import suspect_of

    known = list(entries)
    found = ((each, of_entry(each)) for each in known)
    return [failure._replace(suspect=suspect_of(entry, known)) for entry, failure in found if failure is not None]


def watch(detect: Detect | None) -> Watch | None:
    """What looks out for runs that go in circles; None when nobody asked for it."""
    return None if detect is None else Watch(detect)


def failure() -> Failure | None:
    """What the running step is to repair: the failure that made the run go back to it, or its own.

    None in a step that runs for the first time, and outside of one.
    """
    from omium.runtime import _context

    here = _context.frame()
    return None if here is None else here.failure
