"""pytest plugin: LangGraph's own suite gets omium.langgraph.Saver where it asks for the saver in memory.

It is loaded before the suite, which imports the class by name, subclasses it and calls it.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import langgraph.checkpoint.memory as module
import plugin

from omium.langgraph import Saver

if TYPE_CHECKING:
    import pytest
    from langgraph.checkpoint.serde.base import SerializerProtocol

LEFT_OUT = {
    "test_delta_channel_snapshot_version_based": "reads .blobs, the values by channel and version",
    "test_bulk_update_state_replays_updates_in_the_order_given": "subclasses it to read .writes in another order",
    "test_abulk_update_state_replays_updates_in_the_order_given": "subclasses it to read .writes in another order",
}
"""Tests of what only the saver in memory has, by name."""


class Replacement(Saver):
    def __init__(self, *, serde: SerializerProtocol | None = None, factory: Any = None) -> None:
        super().__init__(plugin.directory(), serde=serde)
        # The suite's own subclass puts the removal of the file there that `factory` would have kept it in.
        self.stack = ExitStack()

    # The suite's subclasses override the sync methods, which the async ones of the saver in memory call.

    async def aput(self, *arguments: Any) -> Any:
        return await asyncio.to_thread(self.put, *arguments)

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        await asyncio.to_thread(self.put_writes, config, writes, task_id, task_path)


module.InMemorySaver = module.MemorySaver = Replacement  # type: ignore[assignment,misc]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if getattr(item, "originalname", item.name) in LEFT_OUT]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
