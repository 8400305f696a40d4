"""pytest plugin: LangGraph's own suite gets omium.langgraph.Saver where it asks for a SQLite saver.

It is loaded before the suite's conftest, which imports the two classes by name.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import langgraph.checkpoint.sqlite as sync_module
import langgraph.checkpoint.sqlite.aio as async_module
import plugin

from omium.langgraph import Saver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class SyncReplacement:
    @staticmethod
    @contextmanager
    def from_conn_string(_: str) -> Iterator[Saver]:
        with Saver(plugin.directory()) as saver:
            yield saver


class AsyncReplacement:
    @staticmethod
    @asynccontextmanager
    async def from_conn_string(_: str) -> AsyncIterator[Saver]:
        async with Saver(plugin.directory()) as saver:
            yield saver


sync_module.SqliteSaver = SyncReplacement  # type: ignore[assignment,misc]
async_module.AsyncSqliteSaver = AsyncReplacement  # type: ignore[assignment,misc]
