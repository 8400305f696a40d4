"""`omium ls`: the executions of a store, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.cli._errors import DONE
from omium.cli._status import STYLES
from omium.cli._target import limit_of, open_store
from omium.cli._terminal import Terminal, age, moment, visible

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import Execution

__all__ = ["run", "summary"]

_ROWS = 50


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Lists the executions that the options let through."""
    store = open_store(arguments)
    limit = limit_of(arguments, _ROWS) or None
    # One more than asked for says whether there are more.
    found = store.executions(
        workflow=arguments.workflow,
        status=arguments.status,
        prefix=arguments.prefix,
        limit=None if limit is None else limit + 1,
    )
    shown = found[:limit]
    if arguments.ids:
        # For shell completion: one id a line, so ids with line ends stay out.
        for execution in shown:
            if execution.id.isprintable():
                terminal.print(execution.id)
        return DONE
    if arguments.json:
        terminal.json([summary(execution) for execution in shown])
    elif not shown:
        terminal.note("no executions" + (" match" if _filtered(arguments) else " yet"))
    else:
        terminal.table(
            ("EXECUTION", "WORKFLOW", "STATUS", "HEAD", "UPDATED", "FROM"),
            [
                (
                    (execution.id, "bold"),
                    execution.workflow,
                    (execution.status, STYLES[execution.status]),
                    f"@{execution.head}",
                    age(execution.updated_ms),
                    _origin(execution),
                )
                for execution in shown
            ],
            right=(3,),
            flexible=(0, 1, 5),
        )
    if len(found) > len(shown):
        terminal.note(f"the newest {len(shown)} are shown; omium ls -n 0 lists all")
    return DONE


def _filtered(arguments: Namespace) -> bool:
    return bool(arguments.status or arguments.workflow or arguments.prefix)


def _origin(execution: Execution) -> str:
    origin = execution.forked_from
    return visible(f"{origin[0]}@{origin[1]}") if origin else ""


def summary(execution: Execution) -> dict[str, Any]:
    """The execution as JSON tells it."""
    origin = execution.forked_from
    return {
        "id": execution.id,
        "workflow": execution.workflow,
        "status": execution.status,
        "orphaned": execution.orphaned,
        "head": execution.head,
        "last_seq": execution.last_seq,
        "created": moment(execution.created_ms),
        "updated": moment(execution.updated_ms),
        "forked_from": f"{origin[0]}@{origin[1]}" if origin else None,
        "owner": execution.owner,
        "source": execution.source,
        "error": execution.error,
    }
