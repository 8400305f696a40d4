"""Recorded bytes as plain trees: no class of the user is imported, nothing is guessed."""

import datetime as dt
import decimal
import enum
import json
import pathlib
import subprocess
import sys
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from omium import codec
from omium.view._inspect import Typed, plain, to_json
from omium.view._pretty import lines, one_line


class Point(NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Order:
    id: int
    tags: set[str]


def shown(value):
    return one_line(plain(*codec.dumps(value)), 300)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, None, True, "x", b"y"]}, "{'a': [1, 2.5, None, True, 'x', b'y']}"),
        ((1, (2,)), "(1, (2,))"),
        ({3, 1, 2}, "{1, 2, 3}"),
        (set(), "set()"),
        (frozenset([1]), "frozenset({1})"),
        (2**80, "1208925819614629174706176"),
        ("\ud800", "'\\ud800'"),
        ({1: "a", (1, 2): "b"}, "{1: 'a', (1, 2): 'b'}"),
        (decimal.Decimal("1.10"), "Decimal('1.10')"),
        (dt.datetime.fromisoformat("2026-01-02T03:04:05"), "datetime('2026-01-02T03:04:05')"),
        (
            dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc),
            "datetime('2026-01-02T00:00:00', timezone(timedelta(0, 0, 0)))",
        ),
        (dt.date(2026, 1, 2), "date('2026-01-02')"),
        (dt.timedelta(days=1), "timedelta(1, 0, 0)"),
        (uuid.UUID(int=1), "UUID('00000000-0000-0000-0000-000000000001')"),
        (pathlib.PurePosixPath("/a/b"), "PurePosixPath('/a/b')"),
        (deque([1, 2], 5), "deque([1, 2])"),
        (OrderedDict(a=1), "OrderedDict({'a': 1})"),
        (defaultdict(list, a=[1]), "defaultdict({'a': [1]})"),
        (Counter("aab"), "Counter({'a': 2, 'b': 1})"),
        (Colour.RED, "Colour('RED')"),
        (Order(1, {"x"}), "Order(id=1, tags={'x'})"),
        (Point(1, 2), "Point(x=1, y=2)"),
        (ValueError("no"), "ValueError('no')"),
        (range(3), "range(0, 3, 1)"),
        (b"x" * 1000, "<1.0 KB: 78 78 78 78 78 78 78 78 …>"),
    ],
)
def test_own_values(value, text):
    assert shown(value) == text


def test_pydantic_and_numpy():
    numpy = pytest.importorskip("numpy")
    pydantic = pytest.importorskip("pydantic")
    global Model

    class Model(pydantic.BaseModel):
        name: str
        price: decimal.Decimal

    Model.__qualname__ = "Model"
    assert shown(Model(name="a", price="1.5")) == "Model(name='a', price=Decimal('1.5'))"
    assert shown(numpy.arange(3)).startswith("ndarray(dtype='<i8', shape=[3], data=b")
    assert shown(numpy.float32(1.5)).startswith("generic(")


def test_values_as_langgraph_writes_them():
    pytest.importorskip("langgraph")
    from langchain_core.messages import AIMessage, HumanMessage
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from langgraph.types import Send

    def shown(value):
        kind, data = JsonPlusSerializer().dumps_typed(value)
        return one_line(plain(f"langgraph/{kind}", data), 300)

    assert shown(HumanMessage("hi", id="1")) == "HumanMessage(content='hi', id='1')"
    call = {"name": "search", "args": {"q": "x"}, "id": "c1"}
    assert shown([AIMessage("", id="2", tool_calls=[call])]) == (
        "[AIMessage(id='2', tool_calls=[{'name': 'search', 'args': {'q': 'x'}, 'id': 'c1', 'type': 'tool_call'}])]"
    )
    assert shown(None) == "None"
    assert shown(b"bytes") == "b'bytes'"
    assert shown(Order(1, {"x"})) == "Order(id=1, tags={'x'})"
    assert shown({uuid.UUID(int=1)}) == "{UUID('00000000000000000000000000000001')}"
    assert shown(dt.datetime.fromisoformat("2026-01-02")) == "datetime('2026-01-02T00:00:00')"
    assert shown(decimal.Decimal("1.5")) == "Decimal('1.5')"
    assert shown(Send("node", {"a": 1})) == "Send('node', {'a': 1})"
    assert shown(Colour.RED) == "Colour('red')"
    assert shown(Point(1, 2)) == "Point(x=1, y=2)"
    assert shown({1: "a"}) == "{1: 'a'}"


def test_json_raw_and_what_is_not_decoded():
    assert plain("json", b'{"a": [1]}') == {"a": [1]}
    assert plain("raw", b"\x00") == b"\x00"
    assert plain("langgraph/null", b"") is None
    constructed = {"lc": 2, "type": "constructor", "id": ["shop", "Order"], "kwargs": {"id": 1}}
    assert plain("langgraph/json", json.dumps(constructed).encode()) == Typed("shop.Order", {"id": 1})
    assert plain("pickle", b"cos\nsystem\n(S'exit'\ntR.") == Typed("pickle", "23 bytes, not decoded")
    assert plain("langgraph/pickle", b"x").name == "langgraph/pickle"
    hidden = "6 bytes, encrypted: the graph with its own Saver(serde=...) reads them"
    assert plain("langgraph/msgpack+aes", b"secret") == Typed("langgraph/msgpack+aes", hidden)


def test_no_class_of_the_user_is_imported():
    data = codec.dumps([Order(1, set()), Colour.RED, ValueError("x")])[1]
    code = (
        "import sys; from omium.view._inspect import plain;"
        f"plain('msgpack', bytes.fromhex('{data.hex()}'));"
        "assert 'test_inspecting' not in sys.modules and 'dataclasses' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_to_json_is_json_and_loses_nothing():
    value = {"t": (1, 2), "b": b"\xff", 3: float("inf"), "n": float("nan"), "deep": [{"d": dt.date(2026, 1, 2)}]}
    tree = to_json(plain(*codec.dumps(value)))
    assert json.loads(json.dumps(tree, allow_nan=False)) == {
        "$map": [
            ["t", {"$type": "tuple", "value": [1, 2]}],
            ["b", {"$bytes": "/w=="}],
            [3, {"$float": "inf"}],
            ["n", {"$float": "nan"}],
            ["deep", [{"d": {"$type": "datetime.date", "value": "2026-01-02"}}]],
        ]
    }


def test_lines_of_a_tree(snapshot):
    tree = {
        "short": [1, 2, 3],
        "long": ["a word or two"] * 8,
        "text": "first line\n\nthird line with a tab\tand an escape \x1b[31m",
        "order": Typed("shop.Order", {"id": 1, "notes": "n" * 200}),
    }
    assert list(lines(tree, 60)) == snapshot


def test_a_tree_of_512_levels_can_be_shown():
    value = 1
    for _ in range(500):
        value = [value]
    tree = plain(*codec.dumps(value))
    assert one_line(tree, 40) == "[" * 39 + "…"
