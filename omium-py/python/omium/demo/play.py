"""The whole demo: the acts in turn, the final table, and whether every promise was kept."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from omium.demo.acts import ACTS
from omium.demo.child import Stage
from omium.demo.story import Story
from omium.view._text import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omium.cli._terminal import Terminal
    from omium.demo.outcome import Figures, Outcome

__all__ = ["play"]


def play(terminal: Terminal, keep: str | None) -> bool:
    """Plays every act; true when every promise was kept."""
    story = Story(terminal)
    story.say(terminal.style("Agents die. Their work need not.", "bold"))
    story.say(terminal.style("Everything here runs on this machine, offline, and is real.", "dim"))
    with _directory(keep) as directory:
        outcomes = []
        for number, (title, act) in enumerate(ACTS, start=1):
            story.title(f"{number}. {title}")
            outcomes.append(act(Stage(directory / str(number), story), story))
        story.title("What it came to")
        _table(terminal, [outcome.figures for outcome in outcomes])
    kept = _promises(story, outcomes)
    story.say("")
    story.caption("Now a program of your own: omium torture agent.py kills it at every step and says whether it held.")
    if keep is not None:
        story.say(f"  Everything of this is still there: cd {directory}/1 && omium ls")
    return kept


@contextmanager
def _directory(keep: str | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="omium-demo-") as name:
            yield Path(name)
        return
    yield Path(keep).resolve()


def _table(terminal: Terminal, figures: list[Figures]) -> None:
    rows = [
        ("model calls needed", [str(column.calls_needed) for column in figures]),
        ("model calls made, killed and resumed", [str(column.calls_made) for column in figures]),
        ("model calls saved", [str(column.calls_saved) for column in figures]),
        ("steps from the record", [str(column.steps_recorded) for column in figures]),
        ("steps that ran after the kill", [str(column.steps_ran) for column in figures]),
        ("checkpoints", [str(column.checkpoints) for column in figures]),
        ("bytes on disk", [size(column.disk_bytes) for column in figures]),
        ("... with langgraph-checkpoint-sqlite", [_beside(column) for column in figures]),
    ]
    terminal.table(
        ("", *(column.program for column in figures)),
        [(label, *cells) for label, cells in rows],
        right=tuple(range(1, len(figures) + 1)),
        indent="  ",
    )


def _beside(column: Figures) -> str:
    return "-" if column.disk_bytes_beside is None else size(column.disk_bytes_beside)


def _promises(story: Story, outcomes: list[Outcome]) -> bool:
    story.say("")
    for outcome in outcomes:
        for promise in outcome.promises:
            story.promise(f"{outcome.figures.program}: {promise.text}", promise.seen, promise.kept)
    return all(promise.kept for outcome in outcomes for promise in outcome.promises)
