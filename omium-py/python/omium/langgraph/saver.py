"""The checkpointer LangGraph calls."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.serde.types import RESUME

from omium.exceptions import InvalidInput
from omium.langgraph import hidden, history
from omium.langgraph.convert import address, loader, place, sharing_loader, to_tuple
from omium.langgraph.growing import GrowingLists
from omium.langgraph.invocation import Invocation, refuse_in_replay
from omium.langgraph.link import Link, StoreLocation
from omium.langgraph.listing import matching, newest_first
from omium.langgraph.loops import install, lent
from omium.langgraph.node import NODES
from omium.langgraph.parents import Parents
from omium.langgraph.saving import Commit, saving, saving_writes
from omium.runtime import _boundary

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from types import TracebackType

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import DeltaChannelHistory
    from langgraph.checkpoint.serde.base import SerializerProtocol
    from typing_extensions import Self

    from omium._omium import State, Store

BATCH = 16
"""Checkpoints decoded per hop into a worker thread by alist."""


class Saver(BaseCheckpointSaver[int]):
    """Keeps the threads of LangGraph graphs in an omium store, a thread as an execution.

    For sync and async graphs alike. Nothing is opened, and no directory made, before the first use.
    As a context manager, plain or async, it closes its store at the end; used after that it opens
    the store again. Every Saver of one directory shares one open store, so none needs closing.

    `store` is a path or anything with a `.path`; without it omium.init and OMIUM_STORE decide, and
    `.omium` is the default. `durability` is "strict", "process" or "batch(MS)".

    A `serde` that encrypts does so with the states of a thread. What its nodes record of steps, effects and
    model calls is not encrypted, so with such a serde it is refused until `nodes` says what is wanted: "plain"
    records it in plain text, "off" records nothing in nodes.

    A thread whose nodes record something has one invocation at a time. `busy` says what becomes of another one:
    "refuse" raises LeaseHeld, "wait" has all invocations of a thread run one after the other.
    """

    # A slot is what two Savers with one `__dict__` do not share.
    __slots__ = ("invocation",)

    invocation: Invocation | None
    """Whose Saver this is; None of the one that the program made."""

    def __init__(
        self,
        store: StoreLocation | None = None,
        *,
        serde: SerializerProtocol | None = None,
        durability: str | None = None,
        nodes: hidden.Recorded | None = None,
        busy: Literal["refuse", "wait"] = "refuse",
    ) -> None:
        super().__init__(serde=serde)
        if busy not in ("refuse", "wait"):
            raise InvalidInput(f'busy must be "refuse" or "wait", not {busy!r}')
        self.invocation = None
        self.busy: str = busy
        self._nodes = hidden.known(nodes)
        self._hides: tuple[SerializerProtocol, bool] | None = None
        # Shallow copies, such as with_allowlist makes, share these.
        self._link = Link(store, durability)
        self._parents = Parents()
        self._lists = GrowingLists()

    def close(self) -> None:
        """Closes this saver's handle on the store. The next use opens it again."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)

    # Writing. Values are encoded when the method is called; only the commit may run elsewhere.

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Saves a checkpoint after the one `config` names; the same id again replaces it."""
        saved, commit = self._saving(config, checkpoint, metadata, new_versions)
        self._save(commit, config)
        return saved

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Async put."""
        saved, commit = self._saving(config, checkpoint, metadata, new_versions)
        await asyncio.to_thread(self._save, commit, config)
        return saved

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Saves what a task wrote, also before the checkpoint it belongs to."""
        commit = saving_writes(config, writes, task_id, task_path, serde=self.serde)
        self._save_writes(commit, config, writes, task_id)

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Async put_writes."""
        commit = saving_writes(config, writes, task_id, task_path, serde=self.serde)
        await asyncio.to_thread(self._save_writes, commit, config, writes, task_id)

    # Reading.

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint `config` names, or the newest of its thread and namespace."""
        state = self._link.store.get_state(*address(config))
        if state is None:
            return None
        found = to_tuple(state, loader(self.serde), self._parent_of)
        self._parents.add(place(state), found.checkpoint)
        return found

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Async get_tuple."""
        return await asyncio.to_thread(self.get_tuple, config)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Checkpoints newest first; of all threads without a config, of all namespaces without one.

        `filter` compares metadata with ==; a key that is missing matches nothing. Equal messages in
        the checkpoints of one listing are one object.
        """
        load = sharing_loader(self.serde)
        found = matching(self._link.store, load, config, wanted=filter, before=before, limit=limit)
        for state, metadata in found:
            yield to_tuple(state, load, self._parent_of, metadata)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Async list."""
        found = self.list(config, filter=filter, before=before, limit=limit)
        while batch := await asyncio.to_thread(_take, found, BATCH):
            for item in batch:
                yield item

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What delta channels are rebuilt from.

        The writes of a checkpoint's ancestors, oldest first, back to the nearest stored value, and
        that value.
        """
        if not channels:
            return {}
        state = self._link.store.get_state(*address(config))
        return history.delta_history(state, channels, self._parent_of, loader(self.serde))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Async get_delta_channel_history."""
        return await asyncio.to_thread(self.get_delta_channel_history, config=config, channels=channels)

    # Keeping house.

    def delete_thread(self, thread_id: str) -> None:
        """Deletes a thread with all its checkpoints and writes; an unknown one is no error.

        Whoever runs it ends with Fenced as soon as it saves or records something.
        """
        self._link.store.delete_running(str(thread_id))
        self._parents.forget([str(thread_id)])

    async def adelete_thread(self, thread_id: str) -> None:
        """Async delete_thread."""
        await asyncio.to_thread(self.delete_thread, thread_id)

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Deletes every checkpoint whose metadata names one of these runs, with its writes.

        Delta channels of later checkpoints that were built on them are lost with them.
        """
        store = self._link.store
        for run_id in run_ids:
            places: dict[str, builtins.list[tuple[str, str]]] = {}
            for execution, scope, key in store.group_states(str(run_id)):
                places.setdefault(execution, []).append((scope, key))
            for execution, keys in places.items():
                store.delete_states(execution, keys)
            self._parents.forget([*places])

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Async delete_for_runs."""
        await asyncio.to_thread(self.delete_for_runs, run_ids)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copies a whole thread, writes included, under another id. Values are shared on disk."""
        self._link.store.copy(str(source_thread_id), str(target_thread_id))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Async copy_thread."""
        await asyncio.to_thread(self.copy_thread, source_thread_id, target_thread_id)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Deletes the past of threads.

        "keep_latest" leaves the newest checkpoint of each namespace, with its writes and the ancestors
        its delta channels are built from; "delete" leaves nothing.
        """
        if strategy not in ("keep_latest", "delete"):
            raise InvalidInput(f'strategy must be "keep_latest" or "delete", not {strategy!r}')
        for thread_id in map(str, thread_ids):
            if strategy == "delete":
                self.delete_thread(thread_id)
                continue
            store = self._link.store
            gone = history.superfluous(newest_first(store, thread_id), self._parent_of, loader(self.serde))
            store.delete_states(thread_id, [(where.scope, where.key) for where in gone])
            self._parents.forget([thread_id])

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Async prune."""
        await asyncio.to_thread(self.prune, thread_ids, strategy=strategy)

    def get_next_version(self, current: Any, channel: None) -> Any:  # noqa: ARG002 - LangGraph passes it
        """Counts up.

        A thread that came with another saver's text versions stays with text: LangGraph compares the
        versions of one checkpoint with each other.
        """
        if isinstance(current, str):
            count, _, rest = current.partition(".")
            return f"{int(count) + 1:0{len(count)}}" + (f".{rest}" if rest else "")
        return 1 if current is None else current + 1

    def _saving(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> tuple[RunnableConfig, Commit]:
        return saving(
            config,
            checkpoint,
            metadata,
            new_versions,
            serde=self.serde,
            parents=self._parents,
            lists=self._lists,
        )

    def store_of_nodes(self, thread: str) -> Store | hidden.Hidden | None:
        """Where the nodes of its graphs record what they do; None where they are to record nothing."""
        if self._nodes == "off":
            return None
        if self._nodes is None:
            if self._hides is None or self._hides[0] is not self.serde:
                self._hides = self.serde, hidden.hides(self.serde)
            if self._hides[1]:
                return hidden.Hidden(thread, type(self.serde))
        return self._link.store

    def own_store(self) -> Store:
        """Where it keeps the states of its graphs."""
        return self._link.store

    def lent_to(self, invocation: Invocation) -> Self:
        """The same one, for all that this invocation saves."""
        # What a subclass keeps on itself is one thing, whichever of the two it is called on.
        other = object.__new__(type(self))
        other.__dict__ = self.__dict__
        other.invocation = invocation
        return other

    def _save(self, commit: Commit, config: RunnableConfig) -> None:
        self._commit(commit, address(config)[0])

    def _save_writes(
        self, commit: Commit, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task: str
    ) -> None:
        channels = [channel for channel, _ in writes]
        self._commit(commit, address(config)[0], channels)
        if self.invocation is not None and set(channels) != {RESUME}:
            NODES.ended(self.invocation, task)

    def _commit(self, commit: Commit, thread: str, channels: Sequence[str] | None = None) -> None:
        refuse_in_replay(thread)
        store = self._link.store
        _boundary.reach("claimed", "state", "")
        # Code in a node may edit the state of its own thread.
        invocation = self.invocation or lent(var_child_runnable_config.get())
        if invocation is not None and invocation.is_on(store, thread):
            invocation.save(partial(commit, store), channels)
        else:
            commit(store, None)
        _boundary.reach("recorded", "state", "")

    def _parent_of(self, state: State) -> State | None:
        if not state.parent_key:
            return None
        return self._link.store.get_state(state.execution, state.scope, state.parent_key)


install()


def _take(items: Iterator[CheckpointTuple], count: int) -> Sequence[CheckpointTuple]:
    return [*islice(items, count)]
