"""Between LangGraph's values and the store's: addresses, codecs and checkpoint tuples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from langgraph.checkpoint.base import Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import TASKS

from omium._omium import ElementCache, State, Value
from omium.exceptions import InvalidInput
from omium.langgraph.blame import refusal

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.serde.base import SerializerProtocol

CODEC = "langgraph/"
"""Labels bytes a LangGraph serializer made; what follows is the type it gave them."""
MSGPACK = CODEC + "msgpack"
SENDS_ARE_VALUES = 4
"""The checkpoint format since which a Send is a channel value; before, it stayed among its task's writes."""

Load = Callable[[Value], Any]


class Address(NamedTuple):
    """Where a checkpoint is: its thread_id, checkpoint_ns and checkpoint_id."""

    execution: str
    scope: str
    key: str


def address(config: RunnableConfig) -> tuple[str, str, str | None]:
    """The parts of an Address, in its order; the key is None when the newest checkpoint is meant."""
    parts: Mapping[str, Any] = config.get("configurable") or {}
    if parts.get("thread_id") is None:
        raise InvalidInput('the config names no thread: pass {"configurable": {"thread_id": ...}}')
    return str(parts["thread_id"]), parts.get("checkpoint_ns") or "", parts.get("checkpoint_id") or None


def dump(serde: SerializerProtocol, value: Any, what: str) -> tuple[str, bytes]:
    """The codec and bytes of a value; `what` says in an error which value it was."""
    try:
        kind, data = serde.dumps_typed(value)
    except TypeError as error:
        raise refusal(serde, value, what, error) from error
    return CODEC + kind, data if type(data) is bytes else bytes(data)


def loader(serde: SerializerProtocol) -> Load:
    """Decodes stored values, each on its own."""

    def load(value: Value) -> Any:
        return serde.loads_typed((value.codec.removeprefix(CODEC), value.read()))

    return load


def sharing_loader(serde: SerializerProtocol) -> Load:
    """Decodes the values of one listing; equal elements of their lists become one object.

    Only bytes the plain serializer made can be taken apart: under a subclass with its own
    loads_typed, or encryption, every value is decoded on its own.
    """
    plain = loader(serde)
    if getattr(type(serde), "loads_typed", None) is not JsonPlusSerializer.loads_typed:
        return plain
    cache = ElementCache(lambda data: serde.loads_typed(("msgpack", data)))

    def load(value: Value) -> Any:
        if value.codec != MSGPACK:
            return plain(value)
        return cache.decode(value.read())

    return load


def to_config(where: Address) -> RunnableConfig:
    return {
        "configurable": {
            "thread_id": where.execution,
            "checkpoint_ns": where.scope,
            "checkpoint_id": where.key,
        }
    }


def place(state: State) -> Address:
    return Address(state.execution, state.scope, state.key)


def to_tuple(
    state: State,
    load: Load,
    parent_of: Callable[[State], State | None],
    metadata: CheckpointMetadata | None = None,
) -> CheckpointTuple:
    """The checkpoint as LangGraph sees it; `metadata` is passed when it is decoded already."""
    checkpoint = cast("Checkpoint", load(state.body))
    checkpoint["channel_values"] = {name: load(value) for name, value in state.values.items()}
    if checkpoint["v"] < SENDS_ARE_VALUES and TASKS not in checkpoint["channel_values"]:
        _restore_sends(checkpoint, parent_of(state), load)
    return CheckpointTuple(
        config=to_config(place(state)),
        checkpoint=checkpoint,
        metadata=load(state.meta) if metadata is None else metadata,
        parent_config=(to_config(place(state)._replace(key=state.parent_key)) if state.parent_key else None),
        pending_writes=[(write.task, write.channel, load(write.value)) for write in state.writes],
    )


def _restore_sends(checkpoint: Checkpoint, parent: State | None, load: Load) -> None:
    writes = parent.writes if parent is not None else ()
    sends = [load(write.value) for write in writes if write.channel == TASKS]
    if sends:
        versions = checkpoint["channel_versions"]
        checkpoint["channel_values"][TASKS] = sends
        versions[TASKS] = max(versions.values()) if versions else 1
