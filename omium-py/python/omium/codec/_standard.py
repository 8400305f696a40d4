"""The standard library's value types: how each becomes plain data, and back.

A module is imported only to rebuild one of its values: when one is recorded, it is loaded already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from omium.codec import codes
from omium.codec._order import pairs, unpair
from omium.exceptions import NotSerializable

Reducer = Callable[[Any], "tuple[int, Any] | None"]
Reviver = Callable[[Any], Any]

_FACTORIES = (int, float, complex, bool, str, bytes, bytearray, list, tuple, dict, set, frozenset)
_FACTORY_OF = {factory.__name__: factory for factory in _FACTORIES}


def reducer(cls: type) -> Reducer | None:
    """The reducer of exactly this class. Subclasses are not covered: they would come back changed."""
    for module, reduce in _BY_NAME.get(cls.__name__, ()):
        if getattr(sys.modules.get(module), cls.__name__, None) is cls:
            return reduce
    return None


def _int(value: int) -> tuple[int, Any]:
    size = value.bit_length() // 8 + 1
    return codes.INT, value.to_bytes(size, "big", signed=True)


def _text(value: str) -> tuple[int, Any]:
    return codes.TEXT, value.encode("utf-8", "surrogatepass")


def _datetime(value: Any) -> tuple[int, Any]:
    text = value.replace(tzinfo=None).isoformat()
    return codes.DATETIME, [text, value.fold, value.tzinfo]


def _time(value: Any) -> tuple[int, Any]:
    return codes.TIME, [value.replace(tzinfo=None).isoformat(), value.fold, value.tzinfo]


def _timezone(value: Any) -> tuple[int, Any]:
    offset, *name = value.__getinitargs__()
    return codes.TIMEZONE, ["fixed", offset, name[0] if name else None]


def _zone(value: Any) -> tuple[int, Any] | None:
    return None if value.key is None else (codes.TIMEZONE, ["zone", value.key])


def _pydantic_zone(value: Any) -> tuple[int, Any]:
    return codes.TIMEZONE, ["pydantic", value.utcoffset(None).total_seconds()]


def _default_dict(value: Any) -> tuple[int, Any] | None:
    factory = value.default_factory
    if factory is not None and factory not in _FACTORIES:
        return None
    return codes.DEFAULT_DICT, [factory and factory.__name__, pairs(value.items())]


def _path(value: Any) -> tuple[int, Any]:
    return codes.PATH, [type(value).__name__, str(value)]


_BY_NAME: dict[str, list[tuple[str, Reducer]]] = {
    "int": [("builtins", _int)],
    "str": [("builtins", _text)],
    "tuple": [("builtins", lambda value: (codes.TUPLE, list(value)))],
    "bytearray": [("builtins", lambda value: (codes.BYTEARRAY, bytes(value)))],
    "complex": [("builtins", lambda value: (codes.COMPLEX, [value.real, value.imag]))],
    "range": [("builtins", lambda r: (codes.RANGE, [r.start, r.stop, r.step]))],
    "Fraction": [("fractions", lambda f: (codes.FRACTION, [f.numerator, f.denominator]))],
    "Decimal": [("decimal", lambda value: (codes.DECIMAL, str(value)))],
    "datetime": [("datetime", _datetime)],
    "date": [("datetime", lambda value: (codes.DATE, value.isoformat()))],
    "time": [("datetime", _time)],
    "timedelta": [
        ("datetime", lambda d: (codes.TIMEDELTA, [d.days, d.seconds, d.microseconds])),
    ],
    "timezone": [("datetime", _timezone)],
    "ZoneInfo": [("zoneinfo", _zone)],
    "TzInfo": [("pydantic_core", _pydantic_zone)],
    "UUID": [("uuid", lambda value: (codes.UUID, value.bytes))],
    "deque": [("collections", lambda value: (codes.DEQUE, [value.maxlen, list(value)]))],
    "OrderedDict": [
        ("collections", lambda value: (codes.ORDERED_DICT, pairs(value.items()))),
    ],
    "defaultdict": [("collections", _default_dict)],
    "Counter": [("collections", lambda value: (codes.COUNTER, pairs(value.items())))],
    "PosixPath": [("pathlib", _path)],
    "WindowsPath": [("pathlib", _path)],
    "PurePosixPath": [("pathlib", _path)],
    "PureWindowsPath": [("pathlib", _path)],
}


def _revive_fraction(data: Any) -> Any:
    from fractions import Fraction

    return Fraction(data[0], data[1])


def _revive_decimal(data: Any) -> Any:
    from decimal import Decimal

    return Decimal(data)


def _revive_datetime(data: Any) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(data[0]).replace(fold=data[1], tzinfo=data[2])


def _revive_date(data: Any) -> Any:
    from datetime import date

    return date.fromisoformat(data)


def _revive_time(data: Any) -> Any:
    from datetime import time

    return time.fromisoformat(data[0]).replace(fold=data[1], tzinfo=data[2])


def _revive_timedelta(data: Any) -> Any:
    from datetime import timedelta

    return timedelta(*data)


def _revive_timezone(data: Any) -> Any:
    kind, value, *name = data
    if kind == "zone":
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return ZoneInfo(value)
        except ZoneInfoNotFoundError as error:
            advice = "install the tzdata package"
            raise NotSerializable(f"no time zone {value} on this machine: {advice}") from error
    if kind == "pydantic":
        from pydantic_core import TzInfo

        return TzInfo(value)
    from datetime import timezone

    return timezone(value) if name[0] is None else timezone(value, name[0])


def _revive_uuid(data: Any) -> Any:
    from uuid import UUID

    return UUID(bytes=data)


def _revive_path(data: Any) -> Any:
    import pathlib

    kind, text = data
    try:
        return getattr(pathlib, kind)(text)
    except NotImplementedError as error:
        raise NotSerializable(f"a {kind} cannot be rebuilt on this system", type=kind) from error


def _revive_deque(data: Any) -> Any:
    from collections import deque

    return deque(data[1], data[0])


def _revive_ordered_dict(data: Any) -> Any:
    from collections import OrderedDict

    return OrderedDict(unpair(data))


def _revive_default_dict(data: Any) -> Any:
    from collections import defaultdict

    return defaultdict(data[0] and _FACTORY_OF[data[0]], unpair(data[1]))


def _revive_counter(data: Any) -> Any:
    from collections import Counter

    return Counter(dict(unpair(data)))


REVIVERS: dict[int, Reviver] = {
    codes.TUPLE: tuple,
    codes.SET: set,
    codes.FROZENSET: frozenset,
    codes.BYTEARRAY: bytearray,
    codes.COMPLEX: lambda data: complex(data[0], data[1]),
    codes.INT: lambda data: int.from_bytes(data, "big", signed=True),
    codes.FRACTION: _revive_fraction,
    codes.RANGE: lambda data: range(*data),
    codes.DECIMAL: _revive_decimal,
    codes.DATETIME: _revive_datetime,
    codes.DATE: _revive_date,
    codes.TIME: _revive_time,
    codes.TIMEDELTA: _revive_timedelta,
    codes.TIMEZONE: _revive_timezone,
    codes.UUID: _revive_uuid,
    codes.PATH: _revive_path,
    codes.DEQUE: _revive_deque,
    codes.MAP: lambda data: dict(unpair(data)),
    codes.ORDERED_DICT: _revive_ordered_dict,
    codes.DEFAULT_DICT: _revive_default_dict,
    codes.COUNTER: _revive_counter,
    codes.TEXT: lambda data: data.decode("utf-8", "surrogatepass"),
}
