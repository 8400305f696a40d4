"""Bytes of the store -> a plain tree that can be shown.

Nothing is imported and no code of the user runs: a value of a class becomes `Typed(name, value)`.
"""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from omium.codec import codes

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DIGEST", "Typed", "mapped", "plain", "to_json"]


DIGEST = "digest"
"""The name of what stands for a value that is not recorded."""


class Typed(NamedTuple):
    """A value of a type that plain data has no word for.

    `value` is what it is made of: a dict holds named parts, a list parts in order, anything else is
    the only part.
    """

    name: str
    value: Any

    @property
    def short(self) -> str:
        """The name without its module."""
        return self.name.rpartition(".")[2]

    def __hash__(self) -> int:
        return hash(repr(self))


def mapped(tree: Any, change: Callable[[str], str]) -> Any:
    """The same tree with every text in it changed."""
    if isinstance(tree, str):
        return change(tree)
    if isinstance(tree, Typed):
        return Typed(tree.name, mapped(tree.value, change))
    if isinstance(tree, dict):
        return {mapped(key, change): mapped(value, change) for key, value in tree.items()}
    if isinstance(tree, list):
        return [mapped(item, change) for item in tree]
    return tree


def plain(codec: str, data: bytes) -> Any:
    """The tree behind the bytes; an unknown codec is named with its size, never guessed at."""
    host, _, form = codec.rpartition("/")
    if form == "msgpack" and host in ("", "langgraph"):
        from omium import _omium

        return _omium.decode(data, _revive_langgraph if host else _revive)
    if form == "json":
        return json.loads(data, object_hook=_constructor)
    if form == "null":
        return None
    if form in ("raw", "bytes", "bytearray"):
        return bytes(data)
    if host == "langgraph" and "+" in form:
        return Typed(codec, f"{len(data)} bytes, encrypted: the graph with its own Saver(serde=...) reads them")
    return Typed(codec, f"{len(data)} bytes, not decoded")


def _typed(module: Any, name: Any, value: Any, *, only: bool) -> Typed:
    """`only` says that a list or dict is the one argument and not the arguments."""
    qualified = name if module == "builtins" else f"{module}.{name}"
    if only and isinstance(value, (list, dict)) and qualified not in {"set", "frozenset"}:
        value = [value]
    return Typed(qualified, value)


def _revive(code: int, payload: Any) -> Any:
    """Omium's own extensions; the payload of each is described in omium.codec.codes."""
    if code == codes.INT:
        return int.from_bytes(payload, "big", signed=True)
    if code == codes.TEXT:
        return payload.decode("utf-8", "surrogatepass")
    if code == codes.MAP:
        return _pairs(payload)
    name = _NAMES.get(code)
    if name is not None:
        return Typed(name, payload)
    if code in _SHAPES:
        return _SHAPES[code](payload)
    return Typed(f"extension {code}", [payload])


def _pairs(flat: list[Any]) -> dict[Any, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _class(reference: Any) -> str:
    """`module:qualname`, or one with its parameters, as a dotted name."""
    if isinstance(reference, list):
        base, arguments = reference
        return f"{_class(base)}[{', '.join(_class(argument) for argument in arguments)}]"
    module, _, name = str(reference).partition(":")
    if not name:
        return module
    return name if module in ("builtins", "types") else f"{module}.{name}"


def _moment(name: str) -> Callable[[Any], Typed]:
    def shape(payload: Any) -> Typed:
        text, fold, zone = payload
        parts = [text] + ([zone] if zone is not None else []) + (["fold=1"] if fold else [])
        return Typed(name, parts)

    return shape


def _zone(payload: Any) -> Typed:
    kind, value, *_ = payload
    if kind == "fixed":
        return Typed("datetime.timezone", [value])
    return Typed("zoneinfo.ZoneInfo" if kind == "zone" else "pydantic_core.TzInfo", [value])


def _record(payload: dict[str, Any]) -> Typed:
    """A class with fields: the member named "" is the header, whose first part is the class."""
    fields = dict(payload)
    header = fields.pop("")
    return Typed(_class(header if isinstance(header, str) else header[0]), fields)


def _look(reference: Any, fields: Any) -> Typed:
    """What tells an object apart, without its values; or one of the objects around it."""
    if isinstance(fields, int):
        return Typed(_class(reference), [Typed("the one around it", [fields])])
    return Typed(_class(reference), {name: Typed(DIGEST, digest) for name, digest in fields.items()})


def _failure(payload: Any) -> Typed:
    reference, arguments, _, text, *_ = payload
    return Typed(_class(reference), [text] if arguments is None else list(arguments))


def _message(payload: dict[str, Any]) -> Typed:
    parts = dict(payload)
    return Typed(_class(parts.pop("")), parts)


_NAMES = {
    codes.TUPLE: "tuple",
    codes.SET: "set",
    codes.FROZENSET: "frozenset",
    codes.BYTEARRAY: "bytearray",
    codes.COMPLEX: "complex",
    codes.FRACTION: "fractions.Fraction",
    codes.RANGE: "range",
    codes.DECIMAL: "decimal.Decimal",
    codes.DATE: "datetime.date",
    codes.TIMEDELTA: "datetime.timedelta",
}
_SHAPES: dict[int, Callable[[Any], Any]] = {
    codes.DATETIME: _moment("datetime.datetime"),
    codes.TIME: _moment("datetime.time"),
    codes.TIMEZONE: _zone,
    codes.UUID: lambda data: Typed("uuid.UUID", _uuid(data)),
    codes.PATH: lambda data: Typed(f"pathlib.{data[0]}", data[1]),
    codes.DEQUE: lambda data: Typed("collections.deque", [data[1]]),
    codes.ORDERED_DICT: lambda data: Typed("collections.OrderedDict", [_pairs(data)]),
    codes.DEFAULT_DICT: lambda data: Typed("collections.defaultdict", [_pairs(data[1])]),
    codes.COUNTER: lambda data: Typed("collections.Counter", [_pairs(data)]),
    codes.ENUM: lambda data: Typed(_class(data[0]), data[1]),
    codes.FLAG: lambda data: Typed(_class(data[0]), data[1]),
    codes.DATACLASS: _record,
    codes.NAMEDTUPLE: _record,
    codes.PYDANTIC: _record,
    codes.NDARRAY: lambda data: Typed("numpy.ndarray", {"dtype": data[0], "shape": data[1], "data": data[3]}),
    codes.NUMPY_SCALAR: lambda data: Typed("numpy.generic", data),
    codes.USER: lambda data: Typed(data[0], [data[1]]),
    codes.EXCEPTION: _failure,
    codes.HTTP: _message,
    codes.LOST: lambda data: Typed(_class(data[0]), data[3]),
    codes.OPAQUE: lambda data: Typed("opaque", _class(data)),
    codes.LOOK: lambda data: _look(*data),
    codes.KEYED: lambda data: Typed(_class(data[0]), [data[1]]),
}


def _uuid(data: bytes) -> str:
    text = data.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _revive_langgraph(code: int, payload: Any) -> Any:
    # The codes of langgraph-checkpoint's JsonPlusSerializer: [module, name, argument(s), method?].
    if code == 6:
        dtype, shape, order, buffer = payload
        return Typed("numpy.ndarray", {"dtype": dtype, "shape": shape, "order": order, "data": buffer})
    if code == 7:
        return Typed("langgraph.DeltaSnapshot", [payload])
    if code in (0, 3):
        return _typed(*payload[:3], only=True)
    if code in (1, 2, 4, 5):
        return _typed(*payload[:3], only=False)
    return Typed(f"extension {code}", [payload])


def _constructor(fields: dict[str, Any]) -> Any:
    """The envelope older LangGraph versions wrote around a class in JSON."""
    if fields.get("lc") in (1, 2) and fields.get("type") == "constructor":
        *module, name = fields["id"]
        value = fields.get("kwargs") or fields.get("args") or []
        return _typed(".".join(module), name, value, only=False)
    return fields


def to_json(tree: Any) -> Any:
    """The tree in the types of JSON; what JSON lacks becomes an object with one `$` key."""
    if isinstance(tree, Typed):
        return {"$type": tree.name, "value": to_json(tree.value)}
    if isinstance(tree, dict):
        if all(isinstance(key, str) for key in tree):
            return {key: to_json(value) for key, value in tree.items()}
        return {"$map": [[to_json(key), to_json(value)] for key, value in tree.items()]}
    if isinstance(tree, list):
        return [to_json(item) for item in tree]
    if isinstance(tree, bytes):
        return {"$bytes": base64.b64encode(tree).decode("ascii")}
    if isinstance(tree, float) and not math.isfinite(tree):
        return {"$float": repr(tree)}
    return tree
