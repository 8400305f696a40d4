"""pytest plugin: LangGraph's own suite gets omium.langgraph.Saver where it asks for a SQLite saver.

It is loaded before the suite's conftest, which imports the two classes by name.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import langgraph.checkpoint.sqlite as sync_module
import langgraph.checkpoint.sqlite.aio as async_module

from omium.langgraph import Saver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import pytest

made = 0


def fresh() -> tuple[Saver, str]:
    global made
    made += 1
    directory = tempfile.mkdtemp(prefix="omium-upstream-")
    return Saver(directory), directory


class SyncReplacement:
    @staticmethod
    @contextmanager
    def from_conn_string(_: str) -> Iterator[Saver]:
        saver, directory = fresh()
        with saver:
            yield saver
        shutil.rmtree(directory)


class AsyncReplacement:
    @staticmethod
    @asynccontextmanager
    async def from_conn_string(_: str) -> AsyncIterator[Saver]:
        saver, directory = fresh()
        async with saver:
            yield saver
        shutil.rmtree(directory)


sync_module.SqliteSaver = SyncReplacement  # type: ignore[assignment,misc]
async_module.AsyncSqliteSaver = AsyncReplacement  # type: ignore[assignment,misc]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Each worker says how many savers its tests asked for; the controller adds them up."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["omium_savers"] = made


def pytest_testnodedown(node: object) -> None:
    global made
    made += getattr(node, "workeroutput", {}).get("omium_savers", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"omium savers in place of SQLite savers: {made}")
