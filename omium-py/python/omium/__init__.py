"""Agent runs that survive: a crashed, wrong or abandoned run continues from its last good step.

    import omium

    @omium.step
    def search(topic: str) -> list[str]: ...

    @omium.workflow
    def research(topic: str) -> str:
        return write(search(topic))

    run = research.options(id="report-42").start("durable agents")

Importing opens no store and starts no thread.
"""

from __future__ import annotations

import os as _os
from typing import TYPE_CHECKING, Any

from omium import codec, config
from omium._backup import Backup, backup
from omium._entry import Entry
from omium._omium import __version__
from omium._replay import ReplayReport
from omium._resume_all import Resumed, aresume_all, resume_all
from omium.checkpoint import Checkpoint, checkpoint
from omium.config import init
from omium.effect import effect, idempotency_key
from omium.exceptions import (
    ArgumentsChanged,
    BudgetExceeded,
    CheckFailed,
    Divergence,
    EntryNotFound,
    ExecutionNotFound,
    Fenced,
    FormatUnsupported,
    FrameworkUnsupported,
    InDoubt,
    InvalidInput,
    LeaseHeld,
    NotAStore,
    NotFinished,
    NotSerializable,
    OmiumError,
    PostconditionFailed,
    PreconditionFailed,
    RecordedFailure,
    RolledBack,
    StepTimeout,
    StoreCorrupted,
    StoreUnavailable,
    Stuck,
    UndoFailed,
    Waiting,
)
from omium.execution import Execution, execution, executions, get
from omium.recovery import Detect, Failure, Recovery, failure
from omium.retry import Retry
from omium.runtime import _events, _live, _worker
from omium.runtime._events import Event, on
from omium.signal import aask, answer, ask, asleep, sleep
from omium.step import step
from omium.workflow import AsyncWorkflow, Workflow, workflow

if TYPE_CHECKING:
    from omium import crewai, langgraph, wire

__all__ = [
    "ArgumentsChanged",
    "AsyncWorkflow",
    "Backup",
    "BudgetExceeded",
    "CheckFailed",
    "Checkpoint",
    "Detect",
    "Divergence",
    "Entry",
    "EntryNotFound",
    "Event",
    "Execution",
    "ExecutionNotFound",
    "Failure",
    "Fenced",
    "FormatUnsupported",
    "FrameworkUnsupported",
    "InDoubt",
    "InvalidInput",
    "LeaseHeld",
    "NotAStore",
    "NotFinished",
    "NotSerializable",
    "OmiumError",
    "PostconditionFailed",
    "PreconditionFailed",
    "RecordedFailure",
    "Recovery",
    "ReplayReport",
    "Resumed",
    "Retry",
    "RolledBack",
    "StepTimeout",
    "StoreCorrupted",
    "StoreUnavailable",
    "Stuck",
    "UndoFailed",
    "Waiting",
    "Workflow",
    "__version__",
    "aask",
    "answer",
    "aresume_all",
    "ask",
    "asleep",
    "backup",
    "checkpoint",
    "codec",
    "config",
    "crewai",
    "effect",
    "execution",
    "executions",
    "failure",
    "get",
    "idempotency_key",
    "init",
    "langgraph",
    "on",
    "resume_all",
    "sleep",
    "step",
    "wire",
    "workflow",
]

_ADAPTERS = ("crewai", "langgraph", "wire")


def __getattr__(name: str) -> Any:
    # An adapter imports its framework, so it is loaded when it is named and not before.
    if name in _ADAPTERS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if hasattr(_os, "register_at_fork"):
    for _module in (_events, _live, _worker, config):
        _os.register_at_fork(after_in_child=_module.after_fork)
    del _module
