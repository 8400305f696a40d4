"""`omium.execution(id)` around loose code, and the executions a store holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from omium import config
from omium._handle import Execution
from omium._leaving import leaving
from omium._session import Session
from omium.exceptions import InvalidInput
from omium.recovery.detectors import checked
from omium.runtime._budget import budget

if TYPE_CHECKING:
    from omium.recovery import Detect
    from omium.step import Codec

__all__ = ["Execution", "execution", "executions", "get"]


def execution(
    id: str,
    workflow: str | None = None,
    *,
    mode: Literal["live", "replay"] = "live",
    codec: Codec | None = None,
    budget_usd: float | None = None,
    budget_tokens: int | None = None,
    detect: Detect | None = None,
) -> Session[Any]:
    """Runs the code of a `with` (or `async with`) block as the execution of that id.

    The block begins it, or resumes it where it stopped; leaving the block completes it, an exception
    fails it. Once completed, and with `mode="replay"`, everything inside is answered from the record,
    and what is not in the record raises Divergence: nothing runs.

    `budget_usd` and `budget_tokens` limit what its model calls may use, counted over all its runs: when
    one is reached, the next call raises BudgetExceeded. `detect` says when it is taken to be stuck; None:
    as `omium.init` was told.
    """
    if mode not in ("live", "replay"):
        raise InvalidInput(f"mode is 'live' or 'replay', not {mode!r}")
    return Session(
        Execution(config.store(), id),
        workflow,
        codec_name=codec or config.settings().codec,
        mode="live" if mode == "live" else "record",
        budget=budget(budget_usd, budget_tokens),
        detect=None if detect is None else checked(detect),
    )


def get(id: str) -> Execution[Any]:
    """The handle of an execution. Raises ExecutionNotFound."""
    store = config.store()
    with leaving(id):
        store.execution(id)
    return Execution(store, id)


def executions(
    *, workflow: str | None = None, status: str | None = None, limit: int | None = None
) -> list[Execution[Any]]:
    """Handles of executions, the newest first. `status` is one that a handle answers, such as "orphaned"."""
    store = config.store()
    found = store.executions(workflow=workflow, status=status, limit=limit)
    return [Execution(store, each.id) for each in found]
