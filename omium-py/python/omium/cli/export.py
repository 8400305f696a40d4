"""`omium export EXEC`: one execution with its whole history, as a file."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from omium.cli._errors import DONE, USAGE, CommandError
from omium.cli._target import find, open_store, quoted
from omium.cli._terminal import visible
from omium.view._text import size

if TYPE_CHECKING:
    from argparse import Namespace

    from omium.cli._terminal import Terminal

__all__ = ["run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Writes to the file, or to standard output when that leads somewhere."""
    store = open_store(arguments)
    execution = find(store, arguments.target)
    if arguments.output is None and terminal.out.isatty():
        raise CommandError(
            "an export is no text for a terminal", f"omium export {quoted(execution.id)} > run.omx", USAGE
        )
    # The whole file or none: what is there already stays until the new one is complete.
    beside = None if arguments.output is None else Path(arguments.output).absolute().parent
    if beside is not None and not (beside.is_dir() and not Path(arguments.output).is_dir()):
        raise CommandError(f"{visible(arguments.output)} cannot be written", "name a file in a directory that is there")
    with tempfile.TemporaryDirectory(prefix=".omium-export-", dir=beside) as directory:
        made = Path(directory) / "run.omx"
        count = store.export(execution.id, str(made))
        if arguments.output is None:
            terminal.flush()
            with made.open("rb") as source:
                shutil.copyfileobj(source, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            made.replace(arguments.output)
    place = "standard output" if arguments.output is None else visible(arguments.output)
    terminal.note(f"{quoted(execution.id)}: {size(count)} to {place}")
    return DONE
