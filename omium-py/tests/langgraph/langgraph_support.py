"""Configs and checkpoints as LangGraph makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.base.id import uuid6

if TYPE_CHECKING:
    from langgraph.checkpoint.base import Checkpoint


def config(thread: str = "t", key: str | None = None, scope: str = "") -> dict[str, Any]:
    place = {"thread_id": thread, "checkpoint_ns": scope}
    return {"configurable": place if key is None else {**place, "checkpoint_id": key}}


def checkpoint(
    values: dict[str, Any] | None = None, versions: dict[str, Any] | None = None, **parts: Any
) -> Checkpoint:
    values = values or {}
    return {
        "v": 4,
        "id": str(uuid6(clock_seq=-1)),
        "ts": "2026-01-01T00:00:00+00:00",
        "channel_values": values,
        "channel_versions": dict.fromkeys(values, 1) if versions is None else versions,
        "versions_seen": {},
        "updated_channels": None,
        **parts,
    }
