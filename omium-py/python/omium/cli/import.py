"""`omium import FILE`: takes an exported execution into this store."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from omium.cli._errors import DONE, CommandError
from omium.cli._listing import summary
from omium.cli._target import exists, quoted, store_path
from omium.cli._terminal import Terminal, plural, visible
from omium.exceptions import InvalidInput, StoreCorrupted

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import Execution, Store

__all__ = ["run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Imports and prints the id; makes the store when there is none yet."""
    from omium._omium import Store

    store = Store(store_path(arguments))
    if arguments.id is not None and exists(store, arguments.id):
        raise CommandError(f"there is an execution {quoted(arguments.id)} already", "choose another --id")
    try:
        execution = _from(arguments.file, store, arguments.id)
    except StoreCorrupted as error:
        why = str(error).removeprefix("the store is damaged: ")
        if why.startswith("the index"):
            raise
        # What was read is the file; nothing of it has come into the store.
        raise CommandError(
            f"{visible(arguments.file)} is damaged: {why}", "export it again, and copy it as binary"
        ) from error
    if arguments.json:
        terminal.json(summary(execution))
    else:
        terminal.print(execution.id)
        terminal.note(f"{execution.status}, {plural(execution.last_seq, 'entry', 'entries')}")
    return DONE


def _from(file: str, store: Store, id: str | None) -> Execution:
    if file != "-":
        if not Path(file).is_file():
            raise CommandError(f"there is no file {visible(file)}", "omium export EXEC > run.omx makes one")
        return store.import_(file, id)
    with tempfile.TemporaryDirectory(prefix="omium-import-") as directory:
        path = Path(directory) / "run.omx"
        with path.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        try:
            return store.import_(str(path), id)
        except InvalidInput as error:
            raise CommandError(str(error).replace(str(path), "what came from standard input")) from error
