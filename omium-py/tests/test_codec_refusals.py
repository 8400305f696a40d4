"""What the codec does not cover is refused, with the path to it and what to do; never changed in silence."""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, NamedTuple

import codec_samples as s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_codec_values import VALUES, values

from omium import FormatUnsupported, InvalidInput, NotSerializable, OmiumError, StoreCorrupted, _omium, codec
from omium.codec import codes

DAMAGED = [
    *VALUES,
    {"np": np.arange(6).reshape(2, 3), "scalar": np.float32(1.5)},
    [s.ShopError(1, "x"), OSError(2, "a")],
]


@dataclass
class Tagged:
    v: int


def refused(value: Any) -> NotSerializable:
    with pytest.raises(NotSerializable) as caught:
        codec.dumps(value)
    return caught.value


@pytest.mark.parametrize(
    "value",
    [
        s.SubList([1]), s.SubDict(a=1), s.SubInt(3), s.SubStr("x"), s.Plain(1), object(), print, s.Plain, threading,
        memoryview(b"x"), (i for i in ()), threading.Lock(), defaultdict(lambda: 0), Ellipsis, slice(1),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_not_covered_is_refused(value: Any) -> None:
    error = refused({"orders": [1, 2, 3, s.Order(1, client=value)]})
    assert error.path == "$.orders[3].client"
    assert error.type is not None
    assert error.type.endswith(type(value).__qualname__)
    assert "$.orders[3].client" in str(error)
    assert isinstance(error, TypeError)


def test_the_path_leads_through_every_kind_of_container() -> None:
    bad = object()
    assert refused(bad).path == "$"
    assert refused((1, (bad,))).path == "$[1][0]"
    assert refused(s.Model.model_construct(id=1, when=bad)).path == "$.when"
    assert refused(s.Pair(1, bad)).path == "$.right"
    assert refused({"odd key": bad}).path == "$['odd key']"
    assert refused({"a": {"b": [{"c": bad}]}}).path == "$.a.b[0].c"


def test_the_message_says_what_to_do() -> None:
    assert str(refused({"client": s.Plain(1)})) == (
        "cannot record the value at $.client, a codec_samples.Plain: return plain data, "
        "register it with omium.codec.register, or ask for codec='pickle'"
    )
    assert "bytes(...)" in str(refused([memoryview(b"")]))


def test_a_class_that_could_not_be_found_again_is_refused() -> None:
    @dataclass
    class Local:
        v: int

    error = refused([Local(1)])
    assert "top level of a module" in str(error)
    assert refused(NamedTuple("Nowhere", [("a", int)])(1)).path == "$"


def test_arrays_that_bytes_cannot_hold_are_refused() -> None:
    for array in (
        np.array([object()]),
        np.array([{"a": 1}], dtype=object),
        np.ma.masked_array([1], [True]),
        np.rec.array([(1,)], dtype=[("a", "i4")]),
        np.zeros(1, dtype=[("a", object)]),
        np.array(["x"], dtype=np.dtypes.StringDType()),
    ):
        assert refused({"a": array}).path == "$.a"


def test_what_contains_itself_or_is_too_deep_is_refused_and_not_a_crash() -> None:
    itself: list[Any] = []
    itself.append(itself)
    assert "contains itself" in str(refused(itself))
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert "too deeply" in str(refused(deep))
    order = s.Order(1)
    order.client = order
    refused(order)
    nested: Any = frozenset()
    for i in range(2_000):
        nested = frozenset([nested, i])
    refused(nested)
    while isinstance(deep, list):
        deep = deep.pop()


def test_sets_in_sets_end_no_process_whatever_the_recursion_limit() -> None:
    nested: Any = frozenset()
    for i in range(5_000):
        nested = frozenset([nested, i])
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    try:
        refused(nested)
        refused({"a": [nested]})
    finally:
        sys.setrecursionlimit(limit)


def test_sets_in_sets_are_encoded_in_reasonable_time() -> None:
    nested: Any = frozenset()
    for i in range(100):
        nested = frozenset([nested, i])
    assert codec.loads(*codec.dumps(nested)) == nested


def test_what_can_be_written_can_be_read() -> None:
    for wrap in (lambda v: [v], lambda v: (v,), lambda v: {"k": v}, lambda v: {1: v}, lambda v: s.Order(1, [], v)):
        value: Any = None
        written: codec.Blob | None = None
        for _ in range(600):
            value = wrap(value)
            try:
                written = codec.dumps(value)
            except NotSerializable:
                break
            codec.loads(*written)
        else:
            pytest.fail("no depth was refused")


def encode(code: int, payload: Any) -> bytes:
    """Bytes with an extension of our choosing, as somebody else's store could hold."""

    class Marker:
        pass

    return _omium.encode(Marker(), lambda value: (code, payload))


def test_reading_imports_nothing_new() -> None:
    import sys

    sys.modules.pop("antigravity", None)
    with pytest.raises(NotSerializable, match="import it first"):
        codec.loads("msgpack", encode(codes.DATACLASS, {"": ["antigravity:X", None]}))
    assert "antigravity" not in sys.modules


def test_reading_calls_nothing_but_what_the_codec_knows() -> None:
    attempts = [
        (codes.DATACLASS, {"": ["os:system", None]}),
        (codes.DATACLASS, {"": ["subprocess:Popen", None], "args": "true"}),
        (codes.DATACLASS, {"": ["builtins:list", None]}),
        (codes.ENUM, ["codec_samples:Plain", "v"]),
        (codes.ENUM, ["codec_samples:Colour", "mro"]),
        (codes.FLAG, ["subprocess:Popen", 1]),
        (codes.NAMEDTUPLE, {"": "subprocess:Popen"}),
        (codes.PYDANTIC, {"": ["codec_samples:Plain", [], None, None]}),
        (codes.PYDANTIC, {"": [["subprocess:Popen", ["builtins:int"]], [], None, None]}),
    ]
    import subprocess

    for code, payload in attempts:
        with pytest.raises(NotSerializable):
            codec.loads("msgpack", encode(code, payload))
    assert subprocess.Popen.__module__ == "subprocess"


def test_a_submodule_of_a_loaded_package_is_imported() -> None:
    import sys

    from omium.codec import _refs

    sys.modules.pop("email.mime.audio", None)
    import email

    assert email
    assert _refs.find("email.mime.audio:MIMEAudio").__name__ == "MIMEAudio"
    with pytest.raises(NotSerializable, match="does not exist any more"):
        _refs.find("email.gone:X")


def test_a_class_that_changed_is_said_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = codec.dumps(s.Point(1.0, 2.0))
    monkeypatch.setattr(s, "Point", s.Slotted)
    with pytest.raises(NotSerializable, match=r"codec_samples:Slotted has changed .* restore the class"):
        codec.loads(*recorded)
    recorded = codec.dumps(s.Colour.RED)
    monkeypatch.setattr(s, "Colour", s.Number)
    with pytest.raises(NotSerializable, match="has no member RED"):
        codec.loads(*recorded)


def test_a_field_added_with_a_default_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass
    class Order:
        id: int
        items: list[Any]
        client: Any
        note: str = "new"

    Order.__module__, Order.__qualname__ = "codec_samples", "Order"
    recorded = codec.dumps(s.Order(1, [2]))
    monkeypatch.setattr(s, "Order", Order)
    assert codec.loads(*recorded) == Order(1, [2], None, "new")


def test_damaged_bytes_and_unknown_codes_are_refused() -> None:
    name, data = codec.dumps({"a": [1, 2]})
    for cut in range(len(data)):
        with pytest.raises(StoreCorrupted):
            codec.loads(name, data[:cut])
    with pytest.raises(FormatUnsupported, match="code 101"):
        codec.loads(name, encode(101, None))
    with pytest.raises(FormatUnsupported, match="'cbor'"):
        codec.loads("cbor", b"")


@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_damaged_bytes_never_do_more_than_fail(data: st.DataObject) -> None:
    """The store checks every byte by its hash; this is what stands behind that check."""
    value = data.draw(st.sampled_from(DAMAGED))
    name, encoded = codec.dumps(value)
    damaged = bytearray(encoded)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        codec.loads(name, bytes(damaged))
    except OmiumError:
        return


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(vars(codes).items(), key=str)), values)
def test_payloads_of_the_wrong_shape_are_refused(code: tuple[str, Any], payload: Any) -> None:
    if isinstance(code[1], int):
        try:
            codec.loads("msgpack", encode(code[1], payload))
        except OmiumError:
            return


def test_pickle_only_by_name_on_both_sides() -> None:
    value = s.Plain(3)
    name, data = codec.dumps(value, "pickle")
    assert name == "pickle"
    with pytest.raises(InvalidInput, match="codec='pickle'"):
        codec.loads(name, data)
    assert codec.loads(name, data, allow_pickle=True) == value
    with pytest.raises(InvalidInput, match="yaml"):
        codec.dumps(value, "yaml")


def test_a_registered_class_round_trips(monkeypatch: pytest.MonkeyPatch) -> None:
    from omium.codec import _engine

    monkeypatch.setattr(_engine, "registered", dict(_engine.registered))
    monkeypatch.setattr(_engine, "reducers", dict(_engine.reducers))
    codec.register(s.Plain, "tests.plain", lambda plain: plain.v, s.Plain)
    blob = codec.dumps({"x": s.Plain(4)})
    assert codec.loads(*blob) == {"x": s.Plain(4)}
    with pytest.raises(InvalidInput, match="choose another name"):
        codec.register(Tagged, "tests.plain", lambda tagged: tagged.v, Tagged)
    _engine.registered.clear()
    with pytest.raises(NotSerializable, match=r"omium\.codec\.register"):
        codec.loads(*blob)
