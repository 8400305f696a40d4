"""What an act leaves: what it promised, and what it measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from omium._omium import Store

if TYPE_CHECKING:
    from pathlib import Path

    from omium._omium import Entry

__all__ = ["Figures", "Outcome", "Promise", "checkpoints", "entries"]


class Promise(NamedTuple):
    """Something omium says, and what was seen of it."""

    text: str
    seen: str
    kept: bool


class Figures(NamedTuple):
    """The column of an act in the final table."""

    program: str
    calls_needed: int
    calls_made: int
    calls_saved: int
    steps_recorded: int
    steps_ran: int
    checkpoints: int
    disk_bytes: int
    disk_bytes_beside: int | None


class Outcome(NamedTuple):
    """What an act leaves."""

    figures: Figures
    promises: list[Promise]


def entries(store: Path, execution: str) -> list[Entry]:
    """The log of an execution, also what rollbacks left behind."""
    return Store(str(store), create=False, read_only=True).entries(execution, all=True)


def checkpoints(log: list[Entry]) -> int:
    """How many entries one can return to."""
    return sum(entry.status == "done" and entry.kind != "note" for entry in log)
