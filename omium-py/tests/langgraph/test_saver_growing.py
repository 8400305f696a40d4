"""Messages encoded before are not encoded again, and what is saved is byte for byte what it would be if they were."""

from __future__ import annotations

import datetime
import enum
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from omium.langgraph import growing
from omium.langgraph.growing import GrowingLists

PLACE = ("thread", "", "messages")
SERDE = JsonPlusSerializer()


class Color(str, enum.Enum):
    RED = "red"


class Loud(HumanMessage):
    """Saved otherwise than its fields say."""

    def model_dump(self, **options: Any) -> dict[str, Any]:
        return {**super().model_dump(**options), "content": str(self.content).upper()}


# Values that compare equal, or pack alike, and yet are not the same thing.
LOOKALIKES: list[Any] = [1, 1.0, True, 0, 0.0, -0.0, False, None, "1", b"1", [1], (1,), float("nan"), 2**63, "ä"]
LOOKALIKES += ["red", Color.RED, {"a": 1}, {1: "a"}, {"1": "a"}]
LOOKALIKES += ["2026-01-01", datetime.date(2026, 1, 1), str(uuid.UUID(int=1)), uuid.UUID(int=1)]


def messages() -> st.SearchStrategy[AnyMessage]:
    text, data = st.text(max_size=5), st.sampled_from(LOOKALIKES)
    return st.one_of(
        st.builds(lambda t, d: HumanMessage(t, additional_kwargs={"d": d}), text, data),
        st.builds(lambda t, d: AIMessage([{"type": "text", "text": t}], response_metadata={"d": [d]}), text, data),
        st.builds(lambda t: AIMessage(t, tool_calls=[{"name": "f", "args": {"x": 1}, "id": "c"}]), text),
        st.builds(lambda t, d: ToolMessage(t, tool_call_id="c", artifact=d), text, data),
        st.builds(SystemMessage, text),
        st.builds(AIMessageChunk, text),
        st.builds(Loud, text),
        st.builds(lambda t: HumanMessage(t, surprise="an extra field"), text),
    )


def change(draw: st.DataObject, state: list[Any]) -> None:
    """One thing a node may do to the messages of its state, in place or not."""
    at = draw.draw(st.integers(0, len(state) - 1))
    message = state[at]
    value = draw.draw(st.sampled_from(LOOKALIKES))
    doing = draw.draw(st.integers(0, 11))
    if doing <= 4:
        state.append(draw.draw(messages()))
    elif doing == 5:
        message.additional_kwargs["d"] = value
    elif doing == 6:
        message.response_metadata.setdefault("d", []).append(value)
    elif doing == 7:
        message.content = draw.draw(st.text(max_size=5))
    elif doing == 8:
        state[at] = draw.draw(messages())
    elif doing == 9 and len(state) > 1:
        del state[at]
    elif doing == 10:
        message.additional_kwargs = dict(reversed(message.additional_kwargs.items())) | {"e": value}
    elif doing == 11 and type(message) is HumanMessage:
        message.__class__ = SystemMessage


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_is_saved_is_what_the_serializer_makes_of_the_whole(draw: st.DataObject) -> None:
    lists = GrowingLists()
    state = [HumanMessage(str(n)) for n in range(draw.draw(st.sampled_from([8, 14, 20, 60, 63, 64, 125])))]
    for _ in range(draw.draw(st.integers(1, 25))):
        data = lists.dump(SERDE, PLACE, [*state])
        assert data is None or data == SERDE.dumps_typed(state)[1]
        change(draw, state)


@pytest.mark.parametrize("count", [8, 14, 15, 16, 17, 62, 63, 64, 65, 126, 300, 65_533])
def test_the_border_sizes_of_arrays_are_right(count: int) -> None:
    lists, state = GrowingLists(), [HumanMessage(str(n)) for n in range(count)]
    for number in range(5):
        assert lists.dump(SERDE, PLACE, [*state]) == SERDE.dumps_typed(state)[1]
        state.append(HumanMessage(str(number)))


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages the serializer was asked to encode, call by call."""
    counts: list[int] = []
    plain = JsonPlusSerializer.dumps_typed

    def dumps_typed(self: JsonPlusSerializer, obj: Any) -> tuple[str, bytes]:
        counts.append(len(obj))
        return plain(self, obj)

    monkeypatch.setattr(JsonPlusSerializer, "dumps_typed", dumps_typed)
    return counts


def test_only_what_was_added_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, lists = counted(monkeypatch), GrowingLists()
    state = [HumanMessage(str(n)) for n in range(100)]
    for _ in range(3):
        lists.dump(SERDE, PLACE, [*state])
        state.append(HumanMessage("new"))
    state[50].content = "changed in place"
    lists.dump(SERDE, PLACE, [*state])
    assert counts == [100, 1, 1, 103]


@pytest.mark.parametrize("count", [10, 64, 70, 200])
def test_a_message_changed_while_the_others_are_encoded_is_noticed(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    lists, state = GrowingLists(), [HumanMessage(str(n)) for n in range(count)]
    plain = JsonPlusSerializer.dumps_typed
    lists.dump(SERDE, PLACE, [*state])

    def dumps_typed(self: JsonPlusSerializer, obj: Any) -> tuple[str, bytes]:
        encoded = plain(self, obj)
        for message in (state[3], state[-2], state[-1]):
            message.content += " changed"
        return encoded

    monkeypatch.setattr(JsonPlusSerializer, "dumps_typed", dumps_typed)
    state.append(HumanMessage("new"))
    lists.dump(SERDE, PLACE, [*state])
    monkeypatch.undo()
    assert lists.dump(SERDE, PLACE, [*state]) == SERDE.dumps_typed(state)[1]


def test_an_equal_copy_is_not_taken_for_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, lists = counted(monkeypatch), GrowingLists()
    state = [HumanMessage(str(n)) for n in range(10)]
    lists.dump(SERDE, PLACE, state)
    lists.dump(SERDE, PLACE, [message.model_copy() for message in state])
    lists.dump(SERDE, ("other thread", "", "messages"), state)
    assert counts == [10, 10, 10]


def test_what_it_cannot_vouch_for_it_leaves_to_the_serializer() -> None:
    class Own(JsonPlusSerializer):
        def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
            return "own", b""

    lists, plain = GrowingLists(), [HumanMessage(str(n)) for n in range(10)]
    assert lists.dump(Own(), PLACE, plain) is None
    for state in ([*plain[:9], Loud("x")], [*plain, {"a": 1}], tuple(plain), plain[:3], [*range(20)], "text"):
        assert lists.dump(SERDE, PLACE, state) is None
    dated = [*plain, HumanMessage("x", additional_kwargs={"at": datetime.date(2026, 1, 1)})]
    assert lists.dump(SERDE, PLACE, dated) is None


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "LIMIT_BYTES", 100_000)
    lists, state = GrowingLists(), [HumanMessage("x" * 1000) for n in range(10)]
    for number in range(50):
        lists.dump(SERDE, (str(number), "", "messages"), state)
    assert 1 <= len(lists._known) <= 5
    lists.dump(SERDE, PLACE, [HumanMessage("x" * 200_000) for _ in range(10)])
    assert len(lists._known) == 0
