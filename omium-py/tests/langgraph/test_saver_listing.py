"""Listing: order, pages, metadata filters, and using the saver meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langgraph_support import config

from omium.langgraph import Saver, listing

if TYPE_CHECKING:
    from pathlib import Path

    from langgraph.checkpoint.base import CheckpointTuple


def ids(found: Any) -> list[str]:
    return [item.config["configurable"]["checkpoint_id"] for item in found]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 3)


def chain(put: Any, count: int, **options: Any) -> list[str]:
    """The ids of `count` checkpoints, one after the other, newest first."""
    where, made = None, []
    for step in range(count):
        where = put({"n": step}, {"n": step + 1}, after=where, meta={"step": step, "source": "loop"}, **options)
        made.append(where["configurable"]["checkpoint_id"])
    return made[::-1]


@pytest.mark.usefixtures("small_pages")
def test_newest_first_over_pages_with_before_and_limit(saver: Saver, put: Any) -> None:
    made = chain(put, 10)
    assert ids(saver.list(config())) == made
    assert ids(saver.list(config(), limit=4)) == made[:4]
    assert ids(saver.list(config(), limit=0)) == []
    assert ids(saver.list(config(), before=config(key=made[2]))) == made[3:]
    assert ids(saver.list(config(), before=config(key=made[2]), limit=1)) == [made[3]]
    assert ids(saver.list(config(key=made[4]))) == [made[4]]
    assert ids(saver.list(config(key=made[4]), before=config(key=made[4]))) == []
    assert ids(saver.list(config(key=made[4]), before=config(key=made[1]))) == [made[4]]
    assert ids(saver.list(config(), filter={"step": 2})) == [made[7]]
    assert ids(saver.list(config(), filter={"source": "loop"}, limit=5)) == made[:5]


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("copies", [1, 2, 7])
def test_copies_that_share_their_ids_are_all_listed(saver: Saver, put: Any, copies: int) -> None:
    made = chain(put, 5)
    for number in range(copies):
        saver.copy_thread("t", f"copy {number}")
    found = [*saver.list(None)]
    assert ids(found) == sorted(made * (copies + 1), reverse=True)
    assert len({(f.config["configurable"]["thread_id"], *ids([f])) for f in found}) == 5 * (copies + 1)


def test_without_a_namespace_every_namespace_is_listed(saver: Saver, put: Any) -> None:
    root, child = chain(put, 2), chain(put, 2, scope="child:1")
    assert ids(saver.list({"configurable": {"thread_id": "t"}})) == sorted(root + child, reverse=True)
    assert ids(saver.list(config(scope="child:1"))) == child
    assert ids(saver.list({"configurable": {"thread_id": "t", "checkpoint_id": child[0]}})) == [child[0]]


def test_what_is_listed_is_what_get_tuple_gives(saver: Saver, put: Any) -> None:
    first = put({"a": [1, 2]}, meta={"step": 1, "source": "loop", "parents": {"": "x"}})
    second = put({"a": [1, 2, 3]}, {"a": 2}, after=first)
    saver.put_writes(second, [("a", 4)], "task")
    listed: list[CheckpointTuple] = [*saver.list(config())]
    assert listed == [saver.get_tuple(second), saver.get_tuple(first)]


@pytest.mark.usefixtures("small_pages")
def test_the_saver_is_usable_while_a_listing_is_half_read(saver: Saver, put: Any) -> None:
    made = chain(put, 8)
    seen = []
    for item in saver.list(config()):
        assert saver.get_tuple(item.config) is not None
        put({"other": 1}, thread="other")
        saver.put_writes(item.config, [("n", 1)], "task")
        seen += ids([item])
    assert seen == made


async def test_the_saver_is_usable_while_an_async_listing_is_half_read(saver: Saver, put: Any) -> None:
    made = chain(put, 40)
    seen = []
    async for item in saver.alist(config()):
        assert await saver.aget_tuple(item.config) is not None
        seen += ids([item])
        if len(seen) == 20:
            break
    assert seen == made[:20]


KEYS = ["a", "a.b", "with space", "ä☃", "quote'\"", "$", "a[0]", "", "a:b/c"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", [1, 0, True, 2.5, "text", "ä", None, {"d": "ä"}, [1, [2]]])
def test_any_key_and_value_of_the_metadata_can_be_asked_for(saver: Saver, put: Any, key: str, value: Any) -> None:
    wanted = put({}, meta={key: value, "source": "loop"})
    put({}, meta={"source": "loop"})
    put({}, meta={key: "something else", "source": "loop"})
    assert ids(saver.list(config(), filter={key: value})) == ids([saver.get_tuple(wanted)])
    assert ids(saver.list(config(), filter={key: value, "source": "input"})) == []


def test_a_missing_key_is_not_none(saver: Saver, put: Any) -> None:
    put({}, meta={"source": "loop"})
    assert [*saver.list(config(), filter={"missing": None})] == []


def test_metadata_takes_in_the_config_as_langgraph_asks(saver: Saver, put: Any) -> None:
    where = config()
    where["configurable"] |= {"user": "ann\u0000a", "n": 1, "__private": 1, "object": object()}
    where["metadata"] = {"run_id": "r", "langgraph_step": 3, "source": "not this"}
    saved = put({}, after=where, meta={"source": "update", "note": "a\u0000b"})
    found = saver.get_tuple(saved)
    assert found is not None
    assert found.metadata == {"source": "update", "note": "ab", "user": "anna", "n": 1, "run_id": "r"}


def test_messages_of_one_listing_are_shared_and_those_of_two_are_not(tmp_path: Path, put: Any, saver: Saver) -> None:
    from langchain_core.messages import AIMessage, HumanMessage

    messages = [HumanMessage(f"m{i}", id=str(i)) if i % 2 else AIMessage(f"m{i}", id=str(i)) for i in range(6)]
    where = None
    for count in range(1, 7):
        where = put({"messages": messages[:count], "n": count}, {"messages": count, "n": count}, after=where)
    plain = [saver.get_tuple(item.config) for item in saver.list(config())]
    first, second = [*saver.list(config())], [*saver.list(config())]
    assert first == second == plain
    lists = [item.checkpoint["channel_values"]["messages"] for item in first]
    assert len({id(message) for kept in lists for message in kept}) == 6
    assert lists[0] is not lists[1]
    assert (
        first[0].checkpoint["channel_values"]["messages"][0]
        is not second[0].checkpoint["channel_values"]["messages"][0]
    )
