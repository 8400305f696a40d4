"""What LangGraph hands to a node: its config and its runtime are new in every run, what the program put in counts."""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from omium.runtime import _alike

__all__ = ["meant"]

_OWN = "__pregel_"
_PLACE = ("checkpoint_id", "checkpoint_map", "checkpoint_ns")
_OF_A_TOOL = ("langgraph.prebuilt.tool_node.ToolRuntime",)
_PARTS = ("context", "previous", "state", "tool_call_id")
"""What a program reads of a runtime, of a node's or of a tool's; the rest is LangGraph's own."""


def meant(value: Any) -> Any:
    """What tells a config or a runtime from another; anything else as it is."""
    if type(value) is dict:
        known = value.get("configurable")
        if type(known) is dict and any(str(name).startswith(_OWN) for name in known):
            return {name: part for name, part in known.items() if not str(name).startswith(_OWN) and name not in _PLACE}
        return value
    if isinstance(value, Runtime) or f"{type(value).__module__}.{type(value).__name__}".endswith(_OF_A_TOOL):
        return {name: getattr(value, name) for name in _PARTS if getattr(value, name, None) is not None}
    return value


_alike.handles.append(meant)
