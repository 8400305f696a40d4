"""The native half of the codec: msgpack to the byte, and no input that crashes it."""

from __future__ import annotations

import enum
import gc
import math
import subprocess
import sys
import threading
import weakref
from typing import Any

import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omium._omium import ElementCache, decode, digest, encode
from omium.exceptions import NotSerializable

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=40,
)


class Point:
    def __init__(self, x: Any, y: Any) -> None:
        self.x = x
        self.y = y

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and (self.x, self.y) == (other.x, other.y)

    def __hash__(self) -> int:
        return hash((self.x, self.y))


def reduce(value: Any) -> tuple[int, Any] | None:
    if type(value) is tuple:
        return 1, list(value)
    if type(value) is Point:
        return 2, {"x": value.x, "y": value.y}
    if type(value) is int:
        return 3, str(value)
    if type(value) is str:
        return 4, value.encode("utf-8", "surrogatepass")
    return None


def revive(code: int, payload: Any) -> Any:
    if code == 1:
        return tuple(payload)
    if code == 2:
        return Point(payload["x"], payload["y"])
    if code == 3:
        return int(payload)
    if code == 4:
        return payload.decode("utf-8", "surrogatepass")
    return code, payload


def refuse(value: Any) -> None:
    return None


def refused(value: Any) -> NotSerializable:
    with pytest.raises(NotSerializable) as caught:
        encode(value, refuse)
    return caught.value


# What is written


@given(PLAIN)
def test_the_bytes_are_those_of_another_msgpack_and_come_back(value: Any) -> None:
    data = encode(value, refuse)
    assert data == ormsgpack.packb(value)
    assert decode(data, revive) == value


@pytest.mark.parametrize("length", [0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536])
def test_every_width_of_a_length(length: int) -> None:
    for value in ["x" * length, b"x" * length, [None] * length, {str(i): i for i in range(length)}]:
        data = encode(value, refuse)
        assert data == ormsgpack.packb(value)
        assert decode(data, revive) == value


@pytest.mark.parametrize("length", [0, 1, 2, 4, 8, 16, 3, 255, 256, 65535, 65536])
def test_every_width_of_an_extension(length: int) -> None:
    # The payload is nil, a short string, or bytes of a length that makes the payload exactly `length` long.
    head = 0 if length < 2 else 2 if length < 258 else 3 if length < 65539 else 5
    value = b"x" * (length - head) if length else None
    data = encode({"only": object()}, lambda _: (7, value))
    assert decode(data, lambda code, payload: (code, payload)) == {"only": (7, value)}
    assert ormsgpack.unpackb(data, ext_hook=lambda code, raw: (code, ormsgpack.unpackb(raw))) == {"only": (7, value)}


@pytest.mark.parametrize(
    "value",
    [
        (1, (2, ())),
        Point(1, [Point("a", None)]),
        2**64,
        -(2**63) - 1,
        "\ud800 alone",
        {("a", 1): "tuple key", 2: "int key", None: 3, True: 4, b"b": 5, 1.5: 6},
        {Point(1, 2): "object key"},
    ],
)
def test_what_msgpack_lacks_is_reduced_and_revived(value: Any) -> None:
    assert decode(encode(value, reduce), revive) == value


def test_only_exact_types_are_written_as_they_are() -> None:
    class Text(str):
        __slots__ = ()

    class Level(enum.IntEnum):
        HIGH = 1

    seen: list[Any] = []

    def note(value: Any) -> tuple[int, Any]:
        seen.append(value)
        return 9, None

    class Table(dict[str, int]):
        pass

    class Row(list[int]):
        pass

    values = [Text("a"), Level.HIGH, Table(a=1), Row([1]), bytearray(b"x"), 1j]
    encode(values, note)
    assert [type(value) for value in seen] == [type(value) for value in values]


def test_a_dict_with_other_keys_is_offered_as_a_whole_first() -> None:
    value = {1: "a", "b": 2}
    data = encode({"d": value}, lambda v: (5, [x for pair in v.items() for x in pair]))
    assert decode(data, lambda code, payload: (code, payload)) == {"d": (5, [1, "a", "b", 2])}
    assert decode(encode(value, refuse), revive) == value


def test_canonical_sorts_keys_at_every_level() -> None:
    one = {"b": {"y": 1, "x": 2}, "a": [{"d": 1, "c": 2}], "aa": None}
    other = {"aa": None, "a": [{"c": 2, "d": 1}], "b": {"x": 2, "y": 1}}
    assert encode(one, refuse) != encode(other, refuse)
    assert encode(one, refuse, canonical=True) == encode(other, refuse, canonical=True)
    assert decode(encode(one, refuse, canonical=True), revive) == one


def test_a_float_keeps_every_bit() -> None:
    for value in [math.nan, math.inf, -math.inf, -0.0, 5e-324, 0.1]:
        back = decode(encode(value, refuse), revive)
        assert math.copysign(1, back) == math.copysign(1, value)
        assert back == value or (math.isnan(back) and math.isnan(value))


def test_digest_is_sixteen_bytes_of_blake3() -> None:
    assert digest(b"").hex() == "af1349b9f5f9a1a6a0404dea36dcc949"
    assert digest(b"x" * 70_000) == digest(bytes([0x78]) * 70_000)
    assert digest(b"x" * 70_000) != digest(b"x" * 70_001)


# What is refused


def test_the_path_leads_to_the_value() -> None:
    error = refused({"orders": [0, 1, 2, {"a key": {"client": object()}}]})
    assert error.path == "$.orders[3]['a key'].client"
    assert error.type == "object"
    assert "$.orders[3]['a key'].client (object)" in str(error)
    assert refused(object()).path == "$"
    assert refused({"class": [threading.Lock()]}).path == "$.class[0]"
    assert refused([{3: object()}]).path == "$[0][3]"
    assert refused({"k" * 100 + " ": object()}).path == "$['" + "k" * 59 + "...]"
    assert refused(Point(1, 2)).type == f"{__name__}.Point"


def test_what_cannot_be_reduced_is_refused_by_its_type() -> None:
    assert refused(2**64).type == "int"
    assert refused("\udc00").type == "str"
    assert refused({"a": (1,)}).type == "tuple"


def test_a_value_that_contains_itself() -> None:
    loop: list[Any] = [1]
    loop.append({"again": loop})
    error = refused(loop)
    assert (error.path, error.type) == ("$[1].again", None)

    point = Point(1, None)
    point.y = [point]
    with pytest.raises(NotSerializable, match=r"\$\.y\[0\] contains itself"):
        encode(point, reduce)
    with pytest.raises(NotSerializable, match="contains itself"):
        encode({1: 2}, lambda value: (1, [value]))


def test_the_same_object_twice_is_no_loop() -> None:
    part = [1, 2]
    assert decode(encode([part, part, {"p": part}], refuse), revive) == [part, part, {"p": part}]


@pytest.mark.parametrize(
    ("wrap", "times"),
    # A tuple takes two levels: the extension, and the list in it.
    [(lambda v: [v], 512), (lambda v: {"k": v}, 512), (lambda v: (v,), 256)],
)
def test_what_is_written_at_the_depth_limit_can_be_read(wrap: Any, times: int) -> None:
    value: Any = None
    for _ in range(times):
        value = wrap(value)
    data = encode(value, reduce)
    assert encode(decode(data, revive), reduce) == data
    with pytest.raises(NotSerializable, match="512 levels"):
        encode(wrap(value), reduce)


def test_endless_reduction_ends_at_the_depth_limit_even_on_a_small_stack() -> None:
    caught: list[BaseException] = []

    def run() -> None:
        try:
            encode(object(), lambda _: (1, {"k": [object()]}))
        except NotSerializable as error:
            caught.append(error)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert "512 levels" in str(caught[0])


def test_exceptions_of_callbacks_pass_through() -> None:
    def fail(*_: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        encode([object()], fail)
    with pytest.raises(KeyError, match="mine"):
        decode(encode([()], reduce), fail)
    with pytest.raises(ValueError, match="0 to 127"):
        encode(object(), lambda _: (128, None))
    with pytest.raises(TypeError):
        encode(object(), lambda _: 5)  # type: ignore[arg-type, return-value]


def test_a_list_or_dict_may_change_while_it_is_encoded() -> None:
    items: list[Any] = [object() for _ in range(100)]

    def empty(_: Any) -> tuple[int, Any]:
        items.clear()
        gc.collect()
        return 1, None

    with pytest.raises(RuntimeError, match="changed"):
        encode(items, empty)
    growing: list[Any] = [object()]
    with pytest.raises(RuntimeError, match="changed"):
        encode(growing, lambda _: growing.append(1) or (1, None))

    table: dict[str, Any] = {str(i): object() for i in range(100)}

    def drop(_: Any) -> tuple[int, Any]:
        table.clear()
        gc.collect()
        return 1, None

    assert len(decode(encode(table, drop), lambda code, payload: code)) == 100


# What is read


@given(st.binary(max_size=64))
def test_any_bytes_are_a_value_or_a_value_error(data: bytes) -> None:
    try:
        value = decode(data, lambda code, payload: ("ext", code))
    except ValueError:
        return
    encode(value, reduce)


@given(PLAIN, st.data())
def test_a_value_cut_off_anywhere_is_refused(value: Any, draw: st.DataObject) -> None:
    data = encode(value, refuse)
    with pytest.raises(ValueError, match="cut off"):
        decode(data[: draw.draw(st.integers(0, len(data) - 1))], revive)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "at byte 0, the value is cut off"),
        (b"\xc1", "at byte 0, 0xc1 begins no value"),
        (b"\x92\xc0\xc1", "at byte 2, 0xc1 begins no value"),
        (b"\xc0\xc0", "at byte 1, bytes follow the value"),
        (b"\xa1\xff", "at byte 0, a string is not UTF-8"),
        (b"\xa3\xed\xa0\x80", "at byte 0, a string is not UTF-8"),
        (b"\x82\xa1a\x01\xa1a\x02", "at byte 4, a map has the same key twice"),
        (b"\x82\x01\x01\xc3\x02", "at byte 3, a map has the same key twice"),
        (b"\x81\x90\x01", "at byte 1, a map has a key that is not hashable"),
        (b"\xdd\xff\xff\xff\xff", "at byte 0, the value is cut off"),
        (b"\xdf\x7f\xff\xff\xff\xc0", "at byte 0, the value is cut off"),
        (b"\xd5\x01\xc0\xc0", "at byte 3, bytes follow the value in an extension"),
        (b"\xd4\x01\x91\xc0", "at byte 2, the value is cut off"),
        (b"\xc7\x00\x01", "at byte 3, the value is cut off"),
        (b"\x91" * 513 + b"\xc0", "at byte 512, the value is nested more than 512 levels deep"),
    ],
)
def test_malformed_bytes_are_refused_with_the_offset(data: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=f"not msgpack: {fault}"):
        decode(data, revive)


def test_a_hundred_million_levels_do_not_end_the_process() -> None:
    with pytest.raises(ValueError, match="512 levels"):
        decode(b"\x91" * 100_000_000, revive)


def test_lengths_that_lie_at_every_level_cost_no_memory() -> None:
    # Each level claims as many elements as bytes are left.
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "from omium._omium import decode\n"
        "data = b''.join(b'\\xdd' + (4_000_000).to_bytes(4, 'big') for _ in range(500)) + b'\\xc0' * 4_000_000\n"
        "try: decode(data, None)\n"
        "except ValueError: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "refused\n", done.stderr


def test_timestamps_and_other_extensions_of_the_format_come_as_bytes() -> None:
    assert decode(b"\xd6\xff\x00\x00\x00\x01", revive) == (-1, b"\x00\x00\x00\x01")


def test_float32_and_wide_integers_of_other_writers_are_read() -> None:
    assert decode(b"\xca\x3f\x80\x00\x00", revive) == 1.0
    assert decode(b"\xd3" + b"\xff" * 8, revive) == -1
    assert decode(b"\xcf" + b"\xff" * 8, revive) == 2**64 - 1
    assert decode(b"\xd2\xff\xff\xff\xff", revive) == -1
    assert decode(b"\xd1\xff\xfe", revive) == -2
    assert decode(b"\xd0\x80", revive) == -128


# ElementCache


def test_object_elements_of_growing_lists_are_decoded_once() -> None:
    calls: list[bytes] = []

    def read(data: bytes) -> Any:
        calls.append(data)
        return decode(data, revive)

    cache = ElementCache(read)
    messages = [Point(i, "text") for i in range(10)]
    histories = [cache.decode(encode(messages[:n], reduce)) for n in range(1, 11)]
    assert histories == [messages[:n] for n in range(1, 11)]
    assert len(calls) == 10
    assert all(history[0] is histories[0][0] for history in histories)
    assert histories[0] is not histories[1]


def test_elements_without_identity_are_not_shared() -> None:
    cache = ElementCache(lambda data: decode(data, revive))
    data = encode([{"a": []}, Point(1, 2), "text", 5], reduce)
    one, other = cache.decode(data), cache.decode(data)
    assert one == other == [{"a": []}, Point(1, 2), "text", 5]
    assert one[0] is not other[0]
    assert one[1] is other[1]


@pytest.mark.parametrize("value", [{"a": 1}, 5, "text", [], [1, 2, [3]], Point(1, 2), None])
def test_what_is_no_list_of_objects_is_decoded_whole(value: Any) -> None:
    seen: list[bytes] = []
    data = encode(value, reduce)
    assert ElementCache(lambda part: (seen.append(part), decode(part, revive))[1]).decode(data) == value
    assert seen == [data]


@given(st.binary(max_size=64))
def test_a_cache_reads_what_decode_reads(data: bytes) -> None:
    def read(part: bytes) -> Any:
        return decode(part, lambda code, payload: ("ext", code))

    try:
        expected = repr(read(data))
    except ValueError:
        with pytest.raises(ValueError, match="at byte"):
            ElementCache(read).decode(data)
    else:
        assert repr(ElementCache(read).decode(data)) == expected


def test_a_cache_may_be_used_from_within_its_own_callback() -> None:
    def read(data: bytes) -> Any:
        return decode(data, lambda code, payload: cache.decode(inner) if code == 1 else Point(1, 2))

    inner = encode([Point(1, 2)], reduce)
    cache = ElementCache(read)
    assert cache.decode(encode([(), ()], reduce)) == [[Point(1, 2)], [Point(1, 2)]]


def test_a_cache_in_a_cycle_is_collected() -> None:
    class Reader:
        def __init__(self) -> None:
            self.cache = ElementCache(self.read)

        def read(self, data: bytes) -> Any:
            return self

    reader = Reader()
    assert reader.cache.decode(encode([()], reduce)) == [reader]
    gone = weakref.ref(reader)
    del reader
    gc.collect()
    assert gone() is None
