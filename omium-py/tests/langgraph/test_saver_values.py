"""What is put is what is read: values, versions, replaced checkpoints, errors."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph_support import checkpoint, config

import omium
from omium._omium import Store
from omium.langgraph import Saver

if TYPE_CHECKING:
    from collections.abc import Callable


def values(saver: Saver, where: Any) -> dict[str, Any]:
    found = saver.get_tuple(where)
    assert found is not None
    return dict(found.checkpoint["channel_values"])


def test_every_kind_of_value_comes_back(saver: Saver, put: Any) -> None:
    state = {
        "none": None,
        "bytes": b"\x00\xff",
        "bytearray": bytearray(b"ab"),
        "text": "ä\u0000☃",
        "deep": {"a": [1, 2.5, {"b": None}]},
        "messages": [HumanMessage("hi", id="1"), AIMessage("there", id="2")],
        "ключ with spaces": 1,
        "": "an empty name",
    }
    assert values(saver, put(state)) == state


def test_unchanged_channels_are_not_encoded_again(saver: Saver, put: Any) -> None:
    encoded: list[Any] = []

    class Counting(JsonPlusSerializer):
        def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
            encoded.append(obj)
            return super().dumps_typed(obj)

    saver.serde = Counting()
    big = {f"c{i}": f"value {i}" for i in range(10)}
    first = put(big)
    encoded.clear()
    second = put({**big, "c3": "new"}, {**dict.fromkeys(big, 1), "c3": 2}, after=first, new={"c3": 2})
    assert [value for value in encoded if isinstance(value, str)] == ["new"]
    assert values(saver, second) == {**big, "c3": "new"}
    assert values(saver, first) == big


def test_a_value_not_in_new_versions_is_saved_when_the_parent_lacks_it(saver: Saver, put: Any) -> None:
    first = put({"a": 1})
    second = put({"a": 1, "b": 2}, {"a": 1, "b": 1}, after=first, new={})
    assert values(saver, second) == {"a": 1, "b": 2}


def test_a_copied_checkpoint_keeps_its_own_values_and_not_those_of_its_parent(saver: Saver, put: Any) -> None:
    """What update_state(as_node="__copy__") does: no new versions, and the original's parent as parent."""
    root = put({"a": "old"}, {"a": 1})
    original = put({"a": "new"}, {"a": 2}, after=root)
    copied = put({"a": "new"}, {"a": 2}, after=root, new={})
    assert values(saver, original) == values(saver, copied) == {"a": "new"}


def test_a_second_saver_continues_what_the_first_wrote(saver: Saver, put: Any, directory: Any) -> None:
    first = put({"a": 1, "b": 2})
    other = Saver(directory)
    saved = checkpoint({"a": 1, "b": 3}, {"a": 1, "b": 2})
    second = other.put(first, saved, {"source": "loop", "step": 1}, {"b": 2})
    assert values(saver, second) == {"a": 1, "b": 3}


def test_a_parent_that_was_deleted_meanwhile_costs_no_value(saver: Saver, put: Any, directory: Any) -> None:
    first = put({"a": 1, "b": 2})
    with Saver(directory) as other:
        other.delete_thread("t")
    second = put({"a": 1, "b": 3}, {"a": 1, "b": 2}, after=first, new={"b": 2})
    assert values(saver, second) == {"a": 1, "b": 3}


def test_a_version_without_a_value_is_an_empty_channel(saver: Saver, put: Any) -> None:
    first = put({"a": 1})
    second = put({}, {"a": 2}, after=first, new={"a": 2})
    found = saver.get_tuple(second)
    assert found is not None
    assert found.checkpoint["channel_values"] == {}
    assert found.checkpoint["channel_versions"] == {"a": 2}


def test_the_same_id_again_replaces_the_checkpoint(saver: Saver, put: Any) -> None:
    first = put({"a": 1, "b": 1})
    again = checkpoint({"a": 2}, {"a": 2}, id=first["configurable"]["checkpoint_id"])
    saver.put(config(), again, {"source": "update", "step": 7}, {"a": 2})
    found = saver.get_tuple(config())
    assert found is not None
    assert found.checkpoint["channel_values"] == {"a": 2}
    assert found.metadata["step"] == 7
    assert len([*saver.list(config())]) == 1


def test_a_checkpoint_put_again_under_itself_keeps_what_it_had(saver: Saver, put: Any) -> None:
    first = put({"a": 1, "b": 1})
    again = checkpoint({"a": 2, "b": 1}, {"a": 2, "b": 1}, id=first["configurable"]["checkpoint_id"])
    saver.put(first, again, {}, {"a": 2})
    assert values(saver, config()) == {"a": 2, "b": 1}


def test_a_value_changed_in_place_after_the_call_does_not_leak_in(saver: Saver) -> None:
    state: dict[str, Any] = {"a": ["before"]}
    write: dict[str, Any] = {"x": "before"}

    async def saved_later(saving: Any, change: Callable[[], None]) -> Any:
        """Begins the call, changes the value, and only then lets a thread do its part."""
        free, loop = threading.Event(), asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        loop.run_in_executor(None, free.wait)
        task = asyncio.ensure_future(saving)
        await asyncio.sleep(0)
        change()
        free.set()
        return await task

    async def run() -> None:
        first = checkpoint(state, {"a": 1, "b": 1})
        where = await saved_later(saver.aput(config(), first, {}, {"a": 1}), lambda: state["a"].append("after"))
        writing = saver.aput_writes(where, [("a", write)], "task")
        await saved_later(writing, lambda: write.update(x="after"))
        # A channel its parent has no value of, though its version did not change.
        more = {"a": state["a"], "b": ["before"]}
        second = checkpoint(more, {"a": 1, "b": 1})
        later = await saved_later(saver.aput(where, second, {}, {}), lambda: more["b"].append("after"))
        assert values(saver, where) == {"a": ["before"]}
        assert values(saver, later) == {"a": ["before"], "b": ["before"]}
        found = saver.get_tuple(where)
        assert found is not None
        assert found.pending_writes == [("task", "a", {"x": "before"})]

    asyncio.run(run())


def test_a_message_changed_in_place_is_saved_with_the_next_checkpoint(saver: Saver, put: Any) -> None:
    messages = [HumanMessage(f"message {i}", id=str(i)) for i in range(50)]
    first = put({"messages": messages})
    messages[7].content = "changed"
    messages[9].additional_kwargs["deep"] = {"n": [1]}
    second = put({"messages": messages}, {"messages": 2}, after=first)
    messages[9].additional_kwargs["deep"]["n"][0] = True
    third = put({"messages": messages}, {"messages": 3}, after=second)
    assert values(saver, first)["messages"][7].content == "message 7"
    assert values(saver, second)["messages"][7].content == "changed"
    assert values(saver, second)["messages"][9].additional_kwargs == {"deep": {"n": [1]}}
    assert values(saver, third)["messages"][9].additional_kwargs["deep"]["n"][0] is True


@pytest.mark.parametrize(
    ("state", "path", "kind"),
    [
        ({"a": {"b": [1, object()]}}, "channel 'a'['b'][1]", "object"),
        ({"m": [HumanMessage("x", additional_kwargs={"f": 1j})]}, "channel 'm'[0].additional_kwargs['f']", "complex"),
        ({"n": 2**70}, "channel 'n'", "int"),
    ],
)
def test_a_value_that_cannot_be_saved_is_named_with_its_path(
    saver: Saver, put: Any, state: dict[str, Any], path: str, kind: str
) -> None:
    with pytest.raises(omium.NotSerializable) as caught:
        put(state)
    assert (caught.value.path, caught.value.type) == (path, kind)
    assert isinstance(caught.value, TypeError)
    assert saver.get_tuple(config()) is None


def test_a_config_without_a_thread_says_what_to_pass(saver: Saver) -> None:
    with pytest.raises(ValueError, match=r'pass \{"configurable": \{"thread_id"'):
        saver.get_tuple({"configurable": {}})
    with pytest.raises(ValueError, match="needs a checkpoint_id"):
        saver.put_writes(config(), [("a", 1)], "task")


@pytest.mark.parametrize("thread", ["", "ä/☃ \U0001f600", "x" * 10_000, "a\nb", "'; drop table"])
def test_any_text_is_a_thread_id(saver: Saver, put: Any, thread: str) -> None:
    put({"a": thread}, thread=thread)
    assert values(saver, config(thread)) == {"a": thread}
    assert [found.config["configurable"]["thread_id"] for found in saver.list(None)] == [thread]


def test_a_thread_id_that_is_no_text_is_taken_as_text(saver: Saver) -> None:
    saver.put({"configurable": {"thread_id": 7, "checkpoint_ns": ""}}, checkpoint({"a": 1}), {}, {})
    assert values(saver, config("7")) == {"a": 1}


@pytest.mark.parametrize("versions", [(1, 2, 3), ("1.5", "2.5", "3.5"), (0.5, 1.5, 2.5)])
def test_versions_of_every_kind_count_up(saver: Saver, versions: tuple[Any, ...]) -> None:
    first, second, third = versions
    assert saver.get_next_version(first, None) == second
    assert saver.get_next_version(second, None) == third
    assert saver.get_next_version(None, None) == 1
    text = saver.get_next_version(f"{9:032}.0.25", None)
    assert f"{9:032}.0.25" < text == f"{10:032}.0.25"


def test_encrypted_values_never_reach_the_disk_in_the_clear(directory: Any) -> None:
    secret = "correct horse battery staple"
    serde = EncryptedSerializer.from_pycryptodome_aes(key=b"0123456789abcdef")
    with Saver(directory, serde=serde) as saver:
        where = saver.put(config(), checkpoint({"a": [secret]}), {"note": secret}, {"a": 1})
        saver.put_writes(where, [("a", secret)], "task")
        found = saver.get_tuple(where)
        assert found is not None
        assert (found.checkpoint["channel_values"], found.metadata["note"]) == ({"a": [secret]}, secret)
        assert found.pending_writes == [("task", "a", secret)]
        assert next(iter(saver.list(config(), filter={"note": secret}))).config == where
    state = Store(str(directory)).get_state("t", "")
    assert state is not None
    stored = [state.body, state.meta, *state.values.values(), *(write.value for write in state.writes)]
    assert {value.codec for value in stored} == {"langgraph/msgpack+aes"}
    assert not any(b"horse" in value.read() for value in stored)


def test_a_serializer_of_the_old_protocol_is_accepted(directory: Any) -> None:
    import json

    class Old:
        def dumps(self, obj: Any) -> bytes:
            return json.dumps(obj).encode()

        def loads(self, data: bytes) -> Any:
            return json.loads(data)

    with Saver(directory, serde=Old()) as saver:  # type: ignore[arg-type]
        assert values(saver, saver.put(config(), checkpoint({"a": [1]}), {}, {"a": 1})) == {"a": [1]}
