"""Graphs that a node begins by itself, told apart by what they were given.

A node may begin several at once, and no order of their start is the same twice. LangGraph counts them in that
order, and again from where it was when the node is tried again.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from langchain_core.messages import BaseMessage
from langgraph.pregel.protocol import PregelProtocol
from pydantic import BaseModel

from omium import _omium, codec

__all__ = ["what_was_given"]

_DIGITS = 12

_told: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""By LangGraph's loop. Told once: a node may change what it was given in place."""
_equal: WeakKeyDictionary[Any, Counter[tuple[str, int, str]]] = WeakKeyDictionary()
"""By the loop around: how many began equal in an attempt of a task."""


def what_was_given(graph: Any, around: Any, node: str, task: str, attempt: int) -> str:
    """What tells a graph from the others its task begins; nothing for a graph that is the node.

    `around` is the loop whose `node` began it, in an attempt of a task.
    """
    told = _told.get(graph)
    if told is None:
        told = _told[graph] = "" if _is_node(around, node) else _tell(graph, around, task, attempt)
    return told


def _is_node(around: Any, name: str) -> bool:
    return isinstance(getattr(around.nodes.get(name), "bound", None), PregelProtocol)


def _tell(graph: Any, around: Any, task: str, attempt: int) -> str:
    # The loop does not know which graph it runs, but for this method of it.
    pregel = getattr(getattr(graph, "_migrate_checkpoint", None), "__self__", None)
    given = {"graph": getattr(pregel, "name", ""), "nodes": sorted(graph.nodes), "input": _lasting(graph.input)}
    digest = _omium.digest(codec.dumps_shown(given)).hex()[:_DIGITS]
    equal = _equal.setdefault(around, Counter())
    before = equal[task, attempt, digest]
    equal[task, attempt, digest] += 1
    return f"{digest}.{before}" if before else digest


def _lasting(value: Any) -> Any:
    """A value without the ids of its messages: a graph gives them new ones as it takes them."""
    if isinstance(value, BaseMessage):
        return [type(value).__qualname__, _lasting({name: part for name, part in value if name != "id"})]
    if isinstance(value, Mapping):
        return {name: _lasting(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_lasting(part) for part in value]
    if isinstance(value, BaseModel):
        return [type(value).__qualname__, _lasting(dict(value))]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return [type(value).__qualname__, _lasting(fields)]
    return value
