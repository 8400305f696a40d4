"""A saver on a fresh directory, and a shorthand for the call LangGraph makes on it at every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langgraph_support import checkpoint, config

from omium.langgraph import Saver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def saver(directory: Path) -> Iterator[Saver]:
    with Saver(directory) as saver:
        yield saver


@pytest.fixture
def put(saver: Saver) -> Any:
    """put(values, versions, after=config, new=..., meta=..., thread=...) -> config of the checkpoint."""

    def put(
        values: dict[str, Any] | None = None,
        versions: dict[str, Any] | None = None,
        *,
        after: Any = None,
        new: dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        thread: str = "t",
        scope: str = "",
        **parts: Any,
    ) -> Any:
        saved = checkpoint(values, versions, **parts)
        return saver.put(
            after or config(thread, scope=scope),
            saved,
            {"source": "loop", "step": 0, "parents": {}} if meta is None else meta,
            saved["channel_versions"] if new is None else new,
        )

    return put
