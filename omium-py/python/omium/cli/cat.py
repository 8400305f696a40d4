"""`omium cat EXEC@3`: the recorded value itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.cli._errors import DONE, USAGE, CommandError
from omium.cli._status import content_of, show_value, tree
from omium.cli._target import entry_at, find, head_or, open_store, quoted, split
from omium.cli._terminal import Terminal, visible

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import Entry, Execution, Store, Value

__all__ = ["run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Prints one value, or the named values of a state together."""
    store = open_store(arguments)
    chosen = _chosen(store, arguments)
    if arguments.raw:
        if isinstance(chosen, dict):
            names = ", ".join(map(visible, chosen)) or "none"
            raise CommandError("a state has several values", f"choose one with --name: {names}", USAGE)
        terminal.flush()
        terminal.out.buffer.write(chosen.read() if chosen else b"")
        return DONE
    content = {name: tree(value) for name, value in chosen.items()} if isinstance(chosen, dict) else tree(chosen)
    if arguments.json:
        from omium.view._inspect import to_json

        terminal.json(to_json(content))
    elif isinstance(chosen, dict):
        for name, value in content.items():
            show_value(terminal, value, f"{visible(name)} = ")
    else:
        show_value(terminal, content)
    return DONE


def _chosen(store: Store, arguments: Namespace) -> Value | dict[str, Value] | None:
    if split(arguments.target)[1] is None:
        execution = find(store, arguments.target)
        of_execution = _of_execution(execution, arguments)
        if of_execution is not None:
            return of_execution
    execution, seq = head_or(store, arguments.target)
    return _of_entry(entry_at(store, execution, seq), arguments)


def _of_execution(execution: Execution, arguments: Namespace) -> Value | None:
    if arguments.meta or arguments.name:
        return None
    return execution.input if arguments.input else execution.result


def _of_entry(entry: Entry, arguments: Namespace) -> Value | dict[str, Value] | None:
    if arguments.input:
        return entry.input
    if arguments.meta:
        return entry.meta
    if arguments.name is not None:
        if arguments.name not in entry.values:
            names = ", ".join(map(visible, entry.values))
            where = f"{quoted(entry.execution)}@{entry.seq}"
            hint = f"its values: {names}" if names else "it has one value, without a name: leave out --name"
            raise CommandError(f"{where} has no value {visible(arguments.name)!r}", hint)
        return entry.values[arguments.name]
    if entry.value is None and entry.error:
        where = f"{quoted(entry.execution)}@{entry.seq}"
        raise CommandError(
            f"{where} has no value: {visible(entry.name)} failed with {visible(entry.error)}",
            "--input shows what it was given",
        )
    return content_of(entry)
