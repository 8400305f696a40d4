"""Pending writes: what tasks produced before the checkpoint that holds it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME, TASKS
from langgraph.types import Send
from langgraph_support import checkpoint, config

from omium.langgraph import Saver


def pending(saver: Saver, where: Any) -> Any:
    found = saver.get_tuple(where)
    assert found is not None
    return found.pending_writes


def test_langgraph_sees_task_path_and_passes_it() -> None:
    for method in (Saver.put_writes, Saver.aput_writes):
        assert "task_path" in inspect.signature(method).parameters


def test_writes_may_land_before_their_checkpoint(saver: Saver) -> None:
    saved = checkpoint({"a": 1})
    saver.put_writes(config(key=saved["id"]), [("a", 2)], "task")
    assert saver.get_tuple(config()) is None
    where = saver.put(config(), saved, {}, {"a": 1})
    assert pending(saver, where) == [("task", "a", 2)]


def test_writes_come_in_the_order_of_path_task_and_index(saver: Saver, put: Any) -> None:
    where = put()
    saver.put_writes(where, [("x", 1), ("y", 2)], "aaa", "~b")
    saver.put_writes(where, [("x", 3)], "bbb", "~a")
    saver.put_writes(where, [("x", 4)], "zzz")
    assert pending(saver, where) == [("zzz", "x", 4), ("bbb", "x", 3), ("aaa", "x", 1), ("aaa", "y", 2)]


def test_an_index_written_before_is_kept(saver: Saver, put: Any) -> None:
    where = put()
    saver.put_writes(where, [("x", "first")], "task")
    saver.put_writes(where, [("x", "again"), ("y", "new")], "task")
    assert pending(saver, where) == [("task", "x", "first"), ("task", "y", "new")]


@pytest.mark.parametrize("channel", [ERROR, INTERRUPT, RESUME])
def test_special_writes_have_a_place_of_their_own_and_are_replaced(saver: Saver, put: Any, channel: str) -> None:
    where = put()
    saver.put_writes(where, [("x", 1)], "task")
    saver.put_writes(where, [(channel, "first")], "task")
    saver.put_writes(where, [(channel, "again")], "task")
    assert sorted(pending(saver, where)) == sorted([("task", "x", 1), ("task", channel, "again")])


def test_no_writes_are_no_error(saver: Saver, put: Any) -> None:
    where = put()
    saver.put_writes(where, [], "task")
    assert pending(saver, where) == []


def test_writes_belong_to_one_checkpoint_of_one_namespace(saver: Saver, put: Any) -> None:
    where, child = put(), put(scope="child:1")
    saver.put_writes(where, [("x", 1)], "task")
    saver.put_writes(child, [("x", 2)], "task")
    assert pending(saver, where) == [("task", "x", 1)]
    assert pending(saver, child) == [("task", "x", 2)]
    assert pending(saver, put(after=where)) == []


def test_sends_of_an_old_checkpoint_are_found_among_the_writes_of_its_parent(saver: Saver, put: Any) -> None:
    parent = put({"a": 1})
    saver.put_writes(parent, [(TASKS, Send("b", 2))], "task-2", "~2")
    saver.put_writes(parent, [(TASKS, Send("b", 1)), ("a", 2)], "task-1", "~1")
    old = put({"a": 2}, {"a": 5}, after=parent, v=3)
    found = saver.get_tuple(old)
    assert found is not None
    assert found.checkpoint["channel_values"][TASKS] == [Send("b", 1), Send("b", 2)]
    assert found.checkpoint["channel_versions"][TASKS] == 5
    [listed, *_] = saver.list(config())
    assert listed.checkpoint == found.checkpoint
    saver.prune(["t"])
    again = saver.get_tuple(old)
    assert again is not None
    assert again.checkpoint == found.checkpoint


def test_sends_of_a_present_checkpoint_are_its_own(saver: Saver, put: Any) -> None:
    parent = put({"a": 1})
    saver.put_writes(parent, [(TASKS, Send("b", 1))], "task")
    found = saver.get_tuple(put({"a": 2}, {"a": 5}, after=parent))
    assert found is not None
    assert TASKS not in found.checkpoint["channel_values"]
