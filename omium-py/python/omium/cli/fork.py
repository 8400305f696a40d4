"""`omium fork EXEC --at 3`: a new execution that shares the past; the old one stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.cli._errors import DONE, CommandError
from omium.cli._listing import summary
from omium.cli._target import exists, head_or, open_store, quoted

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import Execution, Store
    from omium.cli._terminal import Terminal

__all__ = ["run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Forks and prints the new id; only copies, runs nothing."""
    from omium.effects._undo import refuse_undone

    store = open_store(arguments, write=True)
    execution, at = head_or(store, arguments.target, arguments.at)
    if arguments.id is not None and exists(store, arguments.id):
        raise CommandError(f"there is an execution {quoted(arguments.id)} already", "choose another --id")
    refuse_undone(store, execution.id, at)
    new_id = arguments.id or _free_id(store, execution.id)
    fork = store.fork(execution.id, at, new_id, abandon_effects=arguments.abandon_effects)
    if arguments.json:
        terminal.json(summary(fork))
    else:
        terminal.print(fork.id)
        terminal.note(f"forked from {quoted(execution.id)}@{at}, which stays as it is")
        terminal.hint(f"{_runs_on(fork)} runs it on")
    return DONE


def _runs_on(fork: Execution) -> str:
    if fork.source is not None:
        return f"omium resume {quoted(fork.id)}"
    return f"its {'graph' if fork.workflow == 'langgraph' else 'program'}, run under the id {quoted(fork.id)},"


def _free_id(store: Store, id: str) -> str:
    number = 1
    while exists(store, f"{id}-fork-{number}"):
        number += 1
    return f"{id}-fork-{number}"
