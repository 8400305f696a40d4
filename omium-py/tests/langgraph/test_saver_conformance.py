"""The published conformance suite, with every capability detected: it passes those it does not detect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability

from omium.langgraph import Saver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

METHODS = (
    "put",
    "put_writes",
    "get_tuple",
    "list",
    "delete_thread",
    "delete_for_runs",
    "copy_thread",
    "prune",
    "get_delta_channel_history",
)


async def test_the_conformance_suite_passes_whole(tmp_path: Path) -> None:
    made = 0

    @checkpointer_test(name="omium")
    async def fresh() -> AsyncIterator[BaseCheckpointSaver]:
        nonlocal made
        made += 1
        async with Saver(tmp_path / str(made)) as saver:
            yield saver

    report = await validate(fresh)
    failures = [failure for result in report.results.values() for failure in result.failures]
    assert failures == []
    assert {name for name, result in report.results.items() if result.detected} == {c.value for c in Capability}
    assert sum(result.tests_passed for result in report.results.values()) == 81


def test_every_capability_is_there_sync_and_async() -> None:
    for method in METHODS:
        for name in (method, f"a{method}"):
            assert getattr(Saver, name) is not getattr(BaseCheckpointSaver, name), name
