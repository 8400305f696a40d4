"""From what the user typed to the store, the execution and the entry."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from omium.cli._address import quoted, split
from omium.cli._errors import CommandError
from omium.cli._terminal import plural, visible

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import Entry, Execution, Store
    from omium.cli._terminal import Terminal

__all__ = [
    "entry_at",
    "exists",
    "find",
    "head_or",
    "limit_of",
    "mention_misplaced",
    "name_of",
    "open_store",
    "out_of_range",
    "quoted",
    "runs_on",
    "scope_of",
    "split",
    "store_path",
]


def mention_misplaced(arguments: Namespace, terminal: Terminal) -> None:
    """Says when a script is given what looks like an option of the command."""
    found = next((each for each in arguments.arguments if each.partition("=")[0] in arguments.options), None)
    if found is not None:
        script = visible(arguments.script)
        terminal.note(f"note: {visible(found)} is given to {script}; options of omium stand before the script")


def limit_of(arguments: Namespace, shown: int) -> int:
    """How many rows were asked for, 0 for all: a screen is short, and a program would not see what is left out."""
    given: int | None = arguments.limit
    return (0 if arguments.json else shown) if given is None else given


def store_path(arguments: Namespace) -> str:
    """The directory: --store, else OMIUM_STORE, else ./.omium."""
    from omium.config import settings

    path = Path(arguments.store or settings().store).absolute()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def open_store(arguments: Namespace, *, write: bool = False) -> Store:
    """Opens the store; never creates one."""
    from omium._omium import Store

    path = Path(store_path(arguments))
    if not path.exists():
        raise CommandError(
            f"there is no store at {visible(str(path))}",
            "--store DIR or OMIUM_STORE names another; a store begins with the first execution, or with `omium init`",
        )
    if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
        raise CommandError(f"{visible(str(path))} may not be read by this user", "its owner can grant it: chmod, chown")
    return Store(str(path), create=False, read_only=not write)


def find(store: Store, id: str) -> Execution:
    """The execution, or an error that names the nearest ids."""
    from omium.exceptions import ExecutionNotFound

    try:
        return store.execution(id)
    except ExecutionNotFound:
        raise CommandError(f"there is no execution {quoted(id)}", _nearest(store, id)) from None


def _nearest(store: Store, id: str) -> str:
    from difflib import get_close_matches

    known = [execution.id for execution in store.executions(limit=1000)]
    if not known:
        return "this store holds no executions yet"
    bare, seq = split(id)
    if seq is not None and bare in known:
        return f"this verb takes the execution as a whole: {quoted(bare)}"
    close = get_close_matches(id[:200], known, n=3, cutoff=0.5)
    close = close or [other for other in known if other.startswith(id) or id in other][:3]
    if close:
        return "did you mean " + " or ".join(quoted(other) for other in close) + "?"
    return "`omium ls` lists them"


def exists(store: Store, id: str) -> bool:
    """Whether the store holds that execution."""
    from omium.exceptions import ExecutionNotFound

    try:
        store.execution(id)
    except ExecutionNotFound:
        return False
    return True


def head_or(store: Store, text: str, option: int | None = None) -> tuple[Execution, int]:
    """The execution and seq of `EXEC@SEQ`, of `EXEC` with the seq as an option, or of its head.

    With the option given the whole text is the id.
    """
    id, seq = split(text) if option is None else (text, option)
    execution = find(store, id)
    if seq is None:
        return execution, execution.head
    if seq > execution.last_seq:
        raise out_of_range(execution, seq)
    return execution, seq


def entry_at(store: Store, execution: Execution, seq: int) -> Entry:
    """The entry, or an error that says which there are."""
    if seq < 1 or seq > execution.last_seq:
        raise out_of_range(execution, seq)
    return store.entry(execution.id, seq)


def out_of_range(execution: Execution, seq: int) -> CommandError:
    """That entry is not there; these are."""
    if execution.last_seq == 0:
        return CommandError(f"{quoted(execution.id)} has no entries yet")
    return CommandError(
        f"{quoted(execution.id)} has no entry @{seq}",
        f"it has {plural(execution.last_seq, 'entry', 'entries')}, @1 to @{execution.last_seq}: "
        f"omium log {quoted(execution.id)}",
    )


def runs_on(execution: Execution) -> str:
    """What continues it, for a hint that ends in "runs on"."""
    if execution.workflow == "langgraph":
        return "its graph, invoked with None,"
    return "its program, started again," if execution.source is None else f"omium resume {quoted(execution.id)}"


def name_of(entry: Entry) -> str:
    """The name within its scope, with its occurrence when it is not the first: `outer › search #2`."""
    name = entry.name if entry.occurrence == 0 else f"{entry.name} #{entry.occurrence + 1}"
    return " › ".join([*scope_of(entry.scope), name])


# A task of a graph: its node, what tells it from other tasks of that node, and a mark of the checkpoint it ran from.
_TASK = re.compile(r"([^.@]+)[^@]*@[0-9a-f]{8}")


def scope_of(path: str) -> list[str]:
    """The enclosing steps, nodes or subgraphs, by their names: digests and task ids say nothing to a reader."""
    names = []
    for part in re.split(r"[/|]", path.removeprefix("node/")) if path else ():
        task = _TASK.fullmatch(part)
        name = unquote(task[1]) if task else re.sub(r"(~[0-9a-f]{24}|:[0-9a-f-]{36})", "", part)
        name, _, occurrence = name.partition("#")
        count = re.match(r"[0-9]+", occurrence)
        names.append(f"{name} #{int(count[0]) + 1}" if count and count[0] != "0" else name)
    return names
