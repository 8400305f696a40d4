"""What goes in comes out: same type, same value, for everything the codec covers."""

# Times without a zone are among the values.
# ruff: noqa: DTZ001

from __future__ import annotations

import math
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from zoneinfo import ZoneInfo

import codec_samples as s
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omium import codec


def round_trip(value: Any) -> Any:
    name, data = codec.dumps(value)
    assert name == "msgpack"
    return codec.loads(name, data)


def same(a: Any, b: Any) -> bool:
    """Equal in type and value all the way down; nan equals nan, 0.0 is not -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return math.copysign(1, a) == math.copysign(1, b) and (a == b or (math.isnan(a) and math.isnan(b)))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, Decimal):
        return str(a) == str(b)
    if isinstance(a, dict):
        return len(a) == len(b) and all(
            same(k1, k2) and same(v1, v2) for (k1, v1), (k2, v2) in zip(a.items(), b.items(), strict=True)
        )
    if isinstance(a, (list, tuple, deque)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, datetime):
        return a == b and a.fold == b.fold and repr(a.tzinfo) == repr(b.tzinfo)
    return bool(a == b)


BERLIN = ZoneInfo("Europe/Berlin")

VALUES: list[Any] = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**400, -(10**400),
    0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, 5e-324,
    "", "text", "\0", "😀", "\ud800 alone", "e\u0301", b"", b"\xff\0", bytearray(b"ab"),
    [], {}, (), (1,), ((), [()]), [[[]]], set(), {1, 2}, {"b", "a"}, {1, "a", None, 2.5, (1, 2)}, frozenset(),
    frozenset({frozenset({1}), frozenset({2, 3})}), {"": 1, "a b": 2, "ß": 3}, {1: "one", (1, 2): "pair", None: 0},
    {True: 1, "1": 2}, {1.5: 1}, {b"k": 1}, {"\ud800": 1}, {"b": 1, "a": 2},
    complex(1, -0.0), complex(math.nan, math.inf), Fraction(-3, 7), range(3), range(10, -5, -3),
    Decimal("1.10"), Decimal("-0"), Decimal("1E+400"), Decimal("NaN"), Decimal("sNaN12"), Decimal("-Infinity"),
    date(1, 1, 1), date(2024, 2, 29), datetime(1, 1, 1), datetime(2024, 5, 1, 12, 30, 15, 123456),
    datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1), datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=0),
    datetime(2024, 1, 1, tzinfo=timezone.utc), datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-5), "EST")),
    datetime(2024, 1, 1, tzinfo=timezone(timedelta(seconds=1))), datetime(9999, 12, 31, 23, 59, 59, 999999, fold=1),
    time(1, 2, 3, 4), time(0, tzinfo=timezone.utc, fold=1), timedelta(-1, 5, 7), timedelta.max,
    timezone.utc, BERLIN, uuid.UUID(int=0), uuid.uuid4(),
    Path("/a/../b"), Path(), PurePosixPath("x"), PureWindowsPath("C:\\x"), Path("\udcff"),
    deque([1, 2], maxlen=5), deque(), OrderedDict([("b", 1), ("a", 2)]), OrderedDict([(2, 1)]),
    defaultdict(list, {"a": [1]}), defaultdict(None, {1: 2}), Counter("abca"), Counter({"a": -1, "b": 0}),
    s.Colour.RED, s.Colour.CRIMSON, s.Colour.BLUE, s.Number.TWO, s.Word.YES, s.Right.READ, s.Right.ALL, s.Right(0),
    s.Right.READ | s.Right.WRITE, s.Mask.A | s.Mask.B, s.Mask(8), {s.Number.ONE: s.Word.YES},
    s.Order(1, [s.Order(2, [], (1,))], {"a": {1}}), s.Point(-0.0, math.inf), s.Slotted(1, s.Point(1)),
    s.FrozenSlotted((1, 2)), s.Outer(s.Outer.Inner(5)), s.Box[int](5), s.Box(s.Box("x")), s.Checked(3),
    s.Pair(1, [s.Pair(2)]), s.Old(1, 2), s.Model(id=1), s.Model(id=1, tags={"b", "a"}, when=datetime(2024, 1, 1)),
    s.Loose(a=1, b=(2,)), s.Frozen(a=(1,)), s.Nested(model=s.Model(id=2), order=s.Order(1)),
    s.Generic1[int](value=1), s.Generic1[list[int]](value=[1]), s.Generic1[s.Model](value=s.Model(id=1)),
    s.Generic1(value=(1,)), s.Root([1, 2]), s.Model.model_construct(id="not checked"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}-{str(value)[:20]!a}")
def test_every_covered_type_comes_back_as_it_was(value: Any) -> None:
    back = round_trip(value)
    assert same(back, value), back
    assert same(round_trip([value, {"k": value}]), [value, {"k": value}])


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)) | st.binary()
    | st.decimals() | st.fractions() | st.complex_numbers() | st.uuids() | st.timedeltas() | st.dates()
    | st.datetimes(timezones=st.none() | st.timezones(), allow_imaginary=True) | st.times()
    | st.sampled_from([*s.Colour, *s.Number, *s.Right])
)  # fmt: skip
hashable = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.dates() | st.sampled_from(s.Number),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4),
    max_leaves=6,
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(hashable, inner)
        | st.sets(hashable)
        | st.lists(inner).map(deque)
        | st.builds(s.Order, st.integers(), st.lists(inner), inner)
        | st.builds(s.Pair, inner, inner)
        | st.builds(s.Loose, a=st.integers(), b=inner)
        | st.dictionaries(hashable, inner).map(OrderedDict)
    ),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(values)
def test_any_mixture_comes_back_as_it_was(value: Any) -> None:
    back = round_trip(value)
    # Bytes say more than ==: they hold every type, sign and order.
    assert codec.dumps(back) == codec.dumps(value)
    assert type(back) is type(value)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(), values, max_size=4))
def test_inputs_have_one_encoding_whatever_the_order(arguments: dict[str, Any]) -> None:
    backwards = dict(reversed(arguments.items()))
    assert codec.dumps_inputs(arguments) == codec.dumps_inputs(backwards)


def test_the_encoding_of_sets_does_not_depend_on_the_hash_seed() -> None:
    import subprocess
    import sys

    program = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from omium import codec\n"
        "print(codec.dumps({'a', 'b', 'c', 1, None, (1, 'x'), frozenset({'p', 'q', 'r'})})[1].hex())\n"
        "print(codec.dumps_inputs({'m': {(1, 2): 'x', 'k': 'y', 3: 'z'}}).hex())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": str(seed)}, capture_output=True, check=True
        ).stdout
        for seed in range(4)
    }
    assert len(outputs) == 1


def test_dicts_keep_their_order() -> None:
    assert list(round_trip({"b": 1, "a": 2})) == ["b", "a"]
    assert list(round_trip({2: 1, 1: 2})) == [2, 1]


def test_a_recorded_array_is_writable_and_of_its_own() -> None:
    np = pytest.importorskip("numpy")
    back = round_trip(np.zeros(3))
    back[0] = 1


def arrays() -> list[Any]:
    np = pytest.importorskip("numpy")
    structured = np.array([(1, 2.5, "x")], dtype=[("a", "<i4"), ("b", "<f8"), ("c", "<U3")])
    return [
        np.arange(12).reshape(3, 4), np.asfortranarray(np.arange(12).reshape(3, 4)), np.arange(12)[::2],
        np.array(5), np.empty((0, 3)), np.array(["a", "bc"]), np.array([b"a"]), np.array([True, False]),
        np.array([1 + 2j]), np.array(["2024-01-01"], dtype="datetime64[ns]"), np.array([np.nan, -0.0], dtype="f4"),
        np.arange(3, dtype=">i8"), structured, np.zeros(2, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        np.zeros(2, dtype=np.longdouble),
    ]  # fmt: skip


def test_arrays_keep_dtype_shape_order_and_bytes() -> None:
    for array in arrays():
        back = round_trip({"x": [array]})["x"][0]
        assert back.dtype == array.dtype
        assert back.shape == array.shape
        assert back.tobytes() == array.tobytes()
        if array.flags.c_contiguous or array.flags.f_contiguous:
            assert back.flags.f_contiguous == array.flags.f_contiguous
            assert back.flags.c_contiguous == array.flags.c_contiguous


def test_numpy_scalars_keep_their_type() -> None:
    np = pytest.importorskip("numpy")
    scalars = [
        np.float64(1.5), np.float32(-0.0), np.int8(-3), np.uint64(2**64 - 1), np.bool_(True), np.complex64(1j),
        np.datetime64("2024-01-01T00:00:01", "ms"), np.datetime64("NaT", "s"), np.timedelta64(3, "D"), np.str_("a\0"),
        np.str_(""), np.bytes_(b"x\0"), np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])[0],
    ]  # fmt: skip
    for value in scalars:
        back = round_trip(value)
        assert type(back) is type(value)
        assert back.dtype == value.dtype or isinstance(value, (str, bytes))
        if isinstance(value, (str, bytes)):
            assert value[:] == back[:]
        else:
            assert back.tobytes() == value.tobytes()


def test_pydantic_models_keep_what_was_set_private_and_extra() -> None:
    model = s.Model(id=1)
    model._secret = 99
    back = round_trip(model)
    assert back.model_fields_set == {"id"}
    assert back._secret == 99
    assert round_trip(s.Loose(a=1, b=2)).model_extra == {"b": 2}
    assert type(round_trip(s.Generic1[int](value=1))) is s.Generic1[int]
    assert s.Model.model_validate_json('{"id": 1, "when": null}').model_fields_set == {"id", "when"}


def test_pydantic_time_zones() -> None:
    from pydantic import TypeAdapter

    value = TypeAdapter(datetime).validate_python("2024-01-01T00:00:00+02:00")
    back = round_trip(value)
    assert back == value
    assert type(back.tzinfo) is type(value.tzinfo)


def test_no_constructor_runs_when_a_dataclass_is_read() -> None:
    value = s.Computed(2)
    assert value.thrice == 6
    made = s.Computed.calls
    back = round_trip(value)
    assert s.Computed.calls == made
    assert (back.a, back.twice, back.note) == (2, 4, "made of 2")
    assert not hasattr(back, "unset")
    assert back.thrice == 6
