"""Flow states for CrewAI's `@persist`, in the store."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.persistence.base import FlowPersistence
from pydantic import BaseModel, PrivateAttr

from omium import _omium, codec, config
from omium.crewai._call import Call
from omium.runtime import _context

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Persistence"]

_WORKFLOW = "crewai.flow"
_PENDING = "pending"
"""The scope of questions that wait for an answer."""

_lock = threading.Lock()


class Persistence(FlowPersistence):  # type: ignore[misc]  # CrewAI may not be installed where types are checked.
    """Keeps the state of each flow as an execution of its own, `flow-UUID`: one entry per saved state.

    `omium log`, `diff`, `fork` and `rollback` work on it, and CrewAI reads the newest that is left. It is
    for `kickoff(inputs={"id": ...})` and for feedback that comes later. A crash needs it not: inside an
    execution the flow runs again from its start and is answered from the record.
    """

    persistence_type: str = "omium"
    store: str | None = None
    """The directory of a store; None: that of `omium.init`."""

    _open: Any = PrivateAttr(default=None)

    def __init__(self, store: str | os.PathLike[str] | None = None, **fields: Any) -> None:
        super().__init__(store=None if store is None else os.fspath(store), **fields)

    def init_db(self) -> None:
        """Opens the store; nothing needs to be made beforehand."""
        self._native()

    def save_state(self, flow_uuid: str, method_name: str, state_data: dict[str, Any] | BaseModel) -> None:
        state = _plain(state_data)
        inputs = {"flow": flow_uuid, "method": method_name, "state": state}
        _once("flow.save_state", inputs, partial(self._put, flow_uuid, "", method_name, state, "completed"))

    def load_state(self, flow_uuid: str) -> dict[str, Any] | None:
        """The newest state. On a resume that from which the run began, for what came later is done again."""
        state: dict[str, Any] | None = _once("flow.load_state", {"flow": flow_uuid}, partial(self._get, flow_uuid, ""))
        return state

    def save_pending_feedback(
        self, flow_uuid: str, context: PendingFeedbackContext, state_data: dict[str, Any] | BaseModel
    ) -> None:
        state = _plain(state_data)
        self._put(flow_uuid, "", context.method_name, state, "waiting")
        question = {"context": context.to_dict(), "state": state}
        self._put(flow_uuid, _PENDING, context.method_name, question, "waiting")

    def load_pending_feedback(self, flow_uuid: str) -> tuple[dict[str, Any], PendingFeedbackContext] | None:
        question = self._get(flow_uuid, _PENDING)
        if question is None:
            return None
        return question["state"], PendingFeedbackContext.from_dict(question["context"])

    def clear_pending_feedback(self, flow_uuid: str) -> None:
        execution = _execution(flow_uuid)
        native = self._native()
        found = native.list_states(execution, scope=_PENDING)
        if found:
            native.delete_states(execution, [(_PENDING, each.key) for each in found])

    def _native(self) -> _omium.Store:
        if self.store is None:
            return config.store()
        if self._open is None:
            self._open = _omium.Store(self.store, durability=config.settings().durability)
        opened: _omium.Store = self._open
        return opened

    def _put(self, flow_uuid: str, scope: str, method: str, state: dict[str, Any], status: _omium.Status) -> None:
        native = self._native()
        execution = _execution(flow_uuid)
        values = [(name, *codec.dumps(value)) for name, value in state.items()]
        # Listeners that run in parallel save in threads of their own.
        with _lock:
            latest = native.get_state(execution, scope)
            key = f"{0 if latest is None else int(latest.key) + 1:012}"
            native.put_state(
                execution,
                scope,
                key,
                None if latest is None else latest.key,
                name=method,
                body=codec.dumps({"method": method}),
                meta=codec.dumps({"flow": flow_uuid}),
                values=values,
                status=status,
                workflow=_WORKFLOW,
            )

    def _get(self, flow_uuid: str, scope: str) -> dict[str, Any] | None:
        found = self._native().get_state(_execution(flow_uuid), scope)
        if found is None:
            return None
        return {name: codec.loads(value.codec, value.read()) for name, value in found.values.items()}


def _execution(flow_uuid: str) -> str:
    return f"flow-{flow_uuid}"


def _plain(state: dict[str, Any] | BaseModel) -> dict[str, Any]:
    return state.model_dump() if isinstance(state, BaseModel) else dict(state)


def _once(name: str, inputs: dict[str, Any], body: Callable[[], Any]) -> Any:
    """Within an execution its flow runs again at a resume: what it saved and read is not done again."""
    frame = _context.frame()
    return body() if frame is None else Call("step", name, inputs).run(frame, body)
