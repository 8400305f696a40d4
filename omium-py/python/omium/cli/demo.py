"""`omium demo`: two agents are killed and go on; exit code 1 when any promise is broken."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from omium.cli._errors import DONE, FAILED, CommandError

if TYPE_CHECKING:
    from argparse import Namespace

    from omium.cli._terminal import Terminal

__all__ = ["run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Plays the demo in a temporary directory, or in one that is kept."""
    if find_spec("langgraph") is None or find_spec("langgraph.checkpoint.sqlite") is None:
        raise CommandError(
            "the demo runs a LangGraph agent beside langgraph-checkpoint-sqlite; they are not installed",
            "pip install 'omium[demo]'",
        )
    keep = arguments.keep
    if keep is not None and Path(keep).exists() and any(Path(keep).iterdir()):
        raise CommandError(f"{keep} is not empty", "name a new directory for --keep")
    from omium.demo.play import play

    if play(terminal, keep):
        return DONE
    terminal.error("a promise was broken", "this is a bug in omium, or in how it is installed: omium doctor")
    return FAILED
