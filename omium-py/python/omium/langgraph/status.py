"""How a thread stands, read from what LangGraph saves: it never says so itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME, TASKS

from omium.exceptions import Waiting
from omium.langgraph.parents import START

if TYPE_CHECKING:
    from langgraph.checkpoint.base import Checkpoint

    from omium._omium import Status

BRANCH = "branch:to:"
JOIN = "join:"


def of_checkpoint(checkpoint: Checkpoint, metadata: Mapping[str, Any]) -> Status:
    """`completed` when no node is left to run, else `running`."""
    more = metadata.get("source") == "input" or _has_next(checkpoint)
    return "running" if more else "completed"


def of_writes(writes: Sequence[tuple[str, Any]]) -> Status | None:
    """What a task's writes say of the thread; None when they say nothing."""
    channels = dict(writes)
    if ERROR in channels:
        return "waiting" if isinstance(channels[ERROR], Waiting) else "failed"
    if INTERRUPT in channels:
        # An empty one stands where the question was that has its answer.
        return "waiting" if channels[INTERRUPT] else "running"
    # A task that has ended saves with what it wrote what it was answered, and another one may have stopped to ask.
    return "running" if channels.keys() == {RESUME} else None


def _has_next(checkpoint: Checkpoint) -> bool:
    """Whether a channel that starts a node holds something its node has not seen.

    A state graph names these channels after the node; in other graphs they are known by what nodes
    have seen before, so that a node that never ran yet is missed.
    """
    values, versions = checkpoint["channel_values"], checkpoint["channel_versions"]
    if values.get(TASKS):
        return True
    for channel, value in values.items():
        if channel == START or channel.startswith(BRANCH):
            return True
        if channel.startswith(JOIN) and _join_is_complete(channel, value):
            return True
    return any(
        channel in values and not channel.startswith(JOIN) and versions.get(channel, version) != version
        for node, seen in checkpoint["versions_seen"].items()
        if not node.startswith("__")
        for channel, version in seen.items()
    )


def _join_is_complete(channel: str, value: Any) -> bool:
    """A join is named `join:a+b:node` and holds the names that arrived."""
    arrived = value[0] if isinstance(value, (tuple, list)) and value else value
    awaited = channel.removeprefix(JOIN).rpartition(":")[0]
    return isinstance(arrived, Collection) and len(arrived) == awaited.count("+") + 1
