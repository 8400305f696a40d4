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

from . import _live, _worker, codec, config
from ._entry import Entry
from ._omium import __version__
from ._replay import ReplayReport
from .checkpoint import Checkpoint, checkpoint
from .config import init
from .exceptions import (
    BudgetExceeded,
    Divergence,
    EntryNotFound,
    ExecutionNotFound,
    Fenced,
    FormatUnsupported,
    InDoubt,
    InvalidInput,
    LeaseHeld,
    NotAStore,
    NotFinished,
    NotSerializable,
    OmiumError,
    PostconditionFailed,
    RecordedFailure,
    StepTimeout,
    StoreCorrupted,
    StoreUnavailable,
)
from .execution import Execution, execution, executions, get
from .retry import Retry
from .step import step
from .workflow import AsyncWorkflow, Workflow, workflow

if TYPE_CHECKING:
    from . import langgraph

__all__ = [
    "AsyncWorkflow",
    "BudgetExceeded",
    "Checkpoint",
    "Divergence",
    "Entry",
    "EntryNotFound",
    "Execution",
    "ExecutionNotFound",
    "Fenced",
    "FormatUnsupported",
    "InDoubt",
    "InvalidInput",
    "LeaseHeld",
    "NotAStore",
    "NotFinished",
    "NotSerializable",
    "OmiumError",
    "PostconditionFailed",
    "RecordedFailure",
    "ReplayReport",
    "Retry",
    "StepTimeout",
    "StoreCorrupted",
    "StoreUnavailable",
    "Workflow",
    "__version__",
    "checkpoint",
    "codec",
    "config",
    "execution",
    "executions",
    "get",
    "init",
    "langgraph",
    "step",
    "workflow",
]

_ADAPTERS = ("langgraph",)


def __getattr__(name: str) -> Any:
    # An adapter imports its framework, so it is loaded when it is named and not before.
    if name in _ADAPTERS:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if hasattr(_os, "register_at_fork"):
    for _module in (_live, _worker, config):
        _os.register_at_fork(after_in_child=_module.after_fork)
    del _module
