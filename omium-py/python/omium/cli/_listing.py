"""How executions are listed: which, as rows, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.cli._status import STYLES
from omium.cli._terminal import Terminal, age, moment, visible

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from omium._omium import Execution, Store

__all__ = ["matching", "summary", "table"]


def matching(store: Store, arguments: Namespace, limit: int | None) -> list[Execution]:
    """Those the options let through, newest first."""
    return store.executions(workflow=arguments.workflow, status=arguments.status, prefix=arguments.prefix, limit=limit)


def table(shown: Sequence[Execution], terminal: Terminal) -> None:
    """A row for each."""
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
