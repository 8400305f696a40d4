"""Reading many checkpoints: newest first, page by page, by metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.langgraph.convert import Address, Load, address, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import CheckpointMetadata

    from omium._omium import State, Store

PAGE = 64


def matching(
    store: Store,
    load: Load,
    config: RunnableConfig | None,
    *,
    wanted: Mapping[str, Any] | None,
    before: RunnableConfig | None,
    limit: int | None,
) -> Iterator[tuple[State, CheckpointMetadata]]:
    """States in LangGraph's terms, with their metadata; their values are not read yet."""
    execution, _, key = address(config) if config else (None, "", None)
    # Without checkpoint_ns a listing means every namespace, unlike get_tuple.
    scope = config["configurable"].get("checkpoint_ns") if config else None
    ceiling = before["configurable"].get("checkpoint_id") if before else None
    if key is not None:
        ceiling = min(key + "\0", ceiling or key + "\0")
    left = limit
    page = PAGE if limit is None or wanted else max(1, min(limit, PAGE))
    for state in newest_first(store, execution, scope, ceiling, page):
        if (left is not None and left <= 0) or (key is not None and state.key != key):
            return
        metadata: CheckpointMetadata = load(state.meta)
        if matches(metadata, wanted):
            left = None if left is None else left - 1
            yield state, metadata


def newest_first(
    store: Store,
    execution: str | None,
    scope: str | None = None,
    before: str | None = None,
    page: int = PAGE,
) -> Iterator[State]:
    """Every state by descending key. Nothing is held between items: the caller may use the store."""
    already: frozenset[Address] = frozenset()
    while True:
        states = store.list_states(execution, scope=scope, before=before, limit=page)
        fresh = [state for state in states if place(state) not in already]
        yield from fresh
        if len(states) < page:
            return
        # Threads that are copies share keys, and `before` is exclusive: begin the next page at the
        # last key again, and skip what was seen of it.
        last = states[-1].key
        already = frozenset(place(state) for state in states if state.key == last)
        before = last + "\0"
        if not fresh:
            page *= 2


def matches(metadata: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> bool:
    """Whether metadata holds every wanted pair; a key that is missing equals nothing, None included."""
    if not wanted:
        return True
    return all(key in metadata and metadata[key] == value for key, value in wanted.items())
