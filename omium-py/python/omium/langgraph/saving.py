"""Encodes what LangGraph hands over, at once, into commits that may run later and elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    get_checkpoint_metadata,
)

from omium import _redact
from omium._omium import Run, Seen, Store
from omium.exceptions import InvalidInput
from omium.langgraph import status
from omium.langgraph.convert import MSGPACK, Address, address, dump, to_config
from omium.langgraph.history import unseeded
from omium.langgraph.parents import Parents, entry_name

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.serde.base import SerializerProtocol

    from omium.langgraph.growing import GrowingLists

By = Seen | Run | None
Commit = Callable[[Store, By], None]
"""By whom it is saved is known when it is committed."""


def saving(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    new_versions: ChannelVersions,
    *,
    serde: SerializerProtocol,
    parents: Parents,
    lists: GrowingLists,
) -> tuple[RunnableConfig, Commit]:
    """The config of the checkpoint, and the commit that saves it."""
    execution, scope, parent_key = address(config)
    where = Address(execution, scope, checkpoint["id"])
    parent = parents.get(Address(execution, scope, parent_key)) if parent_key is not None else None
    keep = parent.unchanged(checkpoint, new_versions) if parent is not None else []
    channels = checkpoint["channel_values"]

    def encode(names: Sequence[str]) -> Iterator[tuple[str, str, bytes]]:
        for name in names:
            data = lists.dump(serde, (execution, scope, name), channels[name])
            yield name, *((MSGPACK, data) if data else dump(serde, channels[name], f"channel {name!r}"))

    merged = get_checkpoint_metadata(config, metadata)
    group = merged.get("run_id")
    name = entry_name(parent, checkpoint, merged)
    rest = {part: value for part, value in checkpoint.items() if part != "channel_values"}
    body = dump(serde, rest, "the checkpoint")
    meta = dump(serde, merged, "the metadata")
    values = [*encode([name for name in channels if name not in keep])]
    # Only the graph's own namespace tells how the thread stands; that of a subgraph does not.
    standing = None if scope else status.of_checkpoint(checkpoint, merged)

    def commit(store: Store, by: By) -> None:
        kept = keep
        while missing := store.put_state(
            execution,
            scope,
            where.key,
            parent_key,
            name=name,
            body=body,
            meta=meta,
            values=values,
            keep=kept,
            group=None if group is None else str(group),
            status=standing,
            by=by,
            whole=not unseeded(merged, checkpoint["channel_versions"], {*channels, *kept}),
        ):
            # The parent has lost values since it was met, to a prune for instance.
            values.extend(encode([name for name in missing if name in channels]))
            kept = [name for name in kept if name not in missing]
        parents.add(where, checkpoint, kept)

    return to_config(where), commit


def saving_writes(
    config: RunnableConfig,
    writes: Sequence[tuple[str, Any]],
    task: str,
    path: str,
    *,
    serde: SerializerProtocol,
) -> Commit:
    """The commit that saves what a task wrote."""
    execution, scope, key = address(config)
    if key is None:
        raise InvalidInput("writes belong to a checkpoint: the config needs a checkpoint_id")
    encoded = [
        (WRITES_IDX_MAP.get(channel, index), channel, *dump(serde, _told(value), f"the write to channel {channel!r}"))
        for index, (channel, value) in enumerate(writes)
    ]
    channels = [channel for channel, _ in writes]
    replace = all(channel in WRITES_IDX_MAP for channel in channels)
    standing = None if scope else status.of_writes(writes)

    def commit(store: Store, by: By) -> None:
        if encoded:
            store.put_writes(execution, scope, key, task, path, encoded, replace=replace, status=standing, by=by)

    return commit


def _told(value: Any) -> Any:
    """A failure that quotes a secret as its text without it, which is what LangGraph's serde keeps of it anyway."""
    if not isinstance(value, BaseException):
        return value
    text = repr(value)
    open_text = _redact.text(text)
    return value if open_text == text else open_text
