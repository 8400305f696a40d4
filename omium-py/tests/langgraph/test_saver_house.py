"""Deleting, copying and pruning threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langgraph_support import config

import omium
from omium._omium import Store

if TYPE_CHECKING:
    from omium.langgraph import Saver


def history(saver: Saver, thread: str = "t", scope: str = "") -> list[Any]:
    return [item.checkpoint["channel_values"].get("n") for item in saver.list(config(thread, scope=scope))]


def chain(put: Any, count: int, **options: Any) -> Any:
    where = None
    for step in range(count):
        where = put({"n": step}, {"n": step + 1}, after=where, **options)
    return where


def test_a_deleted_thread_is_gone_and_others_stay(saver: Saver, put: Any) -> None:
    chain(put, 3)
    chain(put, 2, thread="other")
    saver.delete_thread("t")
    saver.delete_thread("never there")
    assert (history(saver), history(saver, "other")) == ([], [1, 0])
    chain(put, 1)
    assert history(saver) == [0]


def test_deleting_runs_takes_their_checkpoints_in_every_thread_and_namespace(saver: Saver, put: Any) -> None:
    first = put({"n": 0}, meta={"run_id": "keep"})
    second = put({"n": 1}, {"n": 2}, after=first, meta={"run_id": "go"})
    saver.put_writes(second, [("n", 1)], "task")
    put({"n": 2}, {"n": 3}, after=second, meta={"run_id": "keep"})
    put({"n": 3}, scope="child:1", meta={"run_id": "go"})
    put({"n": 4}, thread="other", meta={"run_id": "go too"})
    saver.delete_for_runs(["go", "go too", "unknown"])
    assert (history(saver), history(saver, scope="child:1"), history(saver, "other")) == ([2, 0], [], [])
    assert saver.get_tuple(second) is None


def test_a_run_id_that_is_no_text_is_found_as_text(saver: Saver, put: Any) -> None:
    put({"n": 0}, meta={"run_id": 7})
    saver.delete_for_runs(["7"])
    assert history(saver) == []


def test_a_copy_lives_on_its_own(saver: Saver, put: Any) -> None:
    last = chain(put, 3)
    saver.put_writes(last, [("n", 9)], "task")
    saver.copy_thread("t", "copy")
    found = saver.get_tuple(config("copy"))
    assert found is not None
    assert found.pending_writes == [("task", "n", 9)]
    assert found.parent_config is not None
    assert saver.get_tuple(found.parent_config) is not None
    put({"n": 3}, {"n": 4}, after=found.config)
    saver.delete_thread("t")
    assert history(saver, "copy") == [3, 2, 1, 0]


def test_copying_onto_an_existing_thread_or_from_none_is_refused(saver: Saver, put: Any) -> None:
    chain(put, 1)
    chain(put, 1, thread="taken")
    with pytest.raises(omium.InvalidInput):
        saver.copy_thread("t", "taken")
    with pytest.raises(omium.ExecutionNotFound):
        saver.copy_thread("never there", "new")
    assert history(saver, "new") == []


def test_prune_keeps_the_newest_of_each_namespace_with_its_writes(saver: Saver, put: Any) -> None:
    last = chain(put, 4)
    saver.put_writes(last, [("__interrupt__", "wait")], "task")
    chain(put, 3, scope="child:1")
    chain(put, 2, thread="other")
    saver.prune(["t", "never there"])
    assert (history(saver), history(saver, scope="child:1"), history(saver, "other")) == ([3], [2], [1, 0])
    found = saver.get_tuple(config())
    assert found is not None
    assert found.pending_writes == [("task", "__interrupt__", "wait")]
    put({"n": 4}, {"n": 5}, after=last)
    assert history(saver) == [4, 3]


def test_prune_gives_the_space_back(saver: Saver, put: Any, directory: Any) -> None:
    where = None
    for step in range(30):
        where = put({"big": f"{step:04}" * 50_000}, {"big": step}, after=where)
    store = Store(str(directory))
    before = store.stats()["disk_bytes"]
    saver.prune(["t"])
    store.gc()
    assert store.stats()["disk_bytes"] < before / 3
    assert store.check(full=True).problems == []


def test_prune_can_delete_and_names_the_strategies_there_are(saver: Saver, put: Any) -> None:
    chain(put, 2)
    with pytest.raises(ValueError, match='"keep_latest" or "delete"'):
        saver.prune(["t"], strategy="keep_all")
    saver.prune(["t"], strategy="delete")
    assert history(saver) == []
