"""Delta channels: values that are rebuilt from the writes along a checkpoint's ancestors."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.serde.types import TASKS

from omium._omium import State
from omium.langgraph.convert import SENDS_ARE_VALUES, Address, Load, place

if TYPE_CHECKING:
    from langgraph.checkpoint.base import DeltaChannelHistory, PendingWrite

ParentOf = Callable[[State], State | None]


def ancestors(state: State, parent_of: ParentOf) -> Iterator[State]:
    """Nearest first. Ends at a root, at a missing parent, and where the chain meets itself."""
    met = {state.key}
    parent = parent_of(state)
    while parent is not None and parent.key not in met:
        yield parent
        met.add(parent.key)
        parent = parent_of(parent)


def delta_history(
    state: State | None, channels: Sequence[str], parent_of: ParentOf, load: Load
) -> Mapping[str, DeltaChannelHistory]:
    """The writes to each channel since its nearest stored value, oldest first, with that value."""
    history: dict[str, DeltaChannelHistory] = {channel: {"writes": []} for channel in channels}
    missing = set(channels)
    backwards: dict[str, list[PendingWrite]] = {channel: [] for channel in channels}
    for ancestor in ancestors(state, parent_of) if state is not None else ():
        if not missing:
            break
        for write in reversed(ancestor.writes):
            if write.channel in missing:
                backwards[write.channel].append((write.task, write.channel, load(write.value)))
        for channel in missing & ancestor.values.keys():
            history[channel]["seed"] = load(ancestor.values[channel])
            missing.discard(channel)
    for channel, writes in backwards.items():
        history[channel]["writes"] = writes[::-1]
    return history


def unseeded(metadata: Mapping[str, Any], versions: Container[str], held: Container[str]) -> set[str]:
    """The channels of a checkpoint that only its ancestors hold values of.

    LangGraph counts in the metadata, for each delta channel, the supersteps since its last stored
    value, and keeps no count when the value is stored in the checkpoint itself.
    """
    counted: Iterable[str] = metadata.get("counters_since_delta_snapshot") or ()
    return {channel for channel in counted if channel in versions and channel not in held}


def needed_by(state: State, parent_of: ParentOf, load: Load) -> Iterator[State]:
    """The ancestors without which `state` could not be read."""
    body: Mapping[str, Any] = load(state.body)
    missing = unseeded(load(state.meta), body["channel_versions"], state.values)
    may_have_sends = body["v"] < SENDS_ARE_VALUES and TASKS not in state.values
    for ancestor in ancestors(state, parent_of):
        has_sends = may_have_sends and any(write.channel == TASKS for write in ancestor.writes)
        if not missing and not has_sends:
            return
        yield ancestor
        missing -= ancestor.values.keys()
        may_have_sends = False


def superfluous(states: Iterable[State], parent_of: ParentOf, load: Load) -> list[Address]:
    """All but the newest state of each scope and the ancestors it needs; `states` are newest first."""
    newest: set[str] = set()
    needed: set[Address] = set()
    rest: list[Address] = []
    for state in states:
        if state.scope not in newest:
            newest.add(state.scope)
            needed.update(place(ancestor) for ancestor in needed_by(state, parent_of, load))
        else:
            rest.append(place(state))
    return [where for where in rest if where not in needed]
