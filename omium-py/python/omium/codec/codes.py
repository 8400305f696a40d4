"""The extension codes of omium's msgpack: disk format, so a code is never given a new meaning.

A class is named `module:qualname` ("ref" below). Objects with fields are a map from field name to
value whose key "" (no field can have that name) holds the header. `pairs` is [key, value, key, ...].
"""

from __future__ import annotations

from typing import Final

TUPLE: Final = 1
"""[item, ...]"""
SET: Final = 2
"""[item, ...] in a canonical order"""
FROZENSET: Final = 3
"""[item, ...] in a canonical order"""
BYTEARRAY: Final = 4
"""bytes"""
COMPLEX: Final = 5
"""[real, imaginary]"""
INT: Final = 6
"""An int beyond 64 bits: bytes, big-endian two's complement"""
FRACTION: Final = 7
"""[numerator, denominator]"""
RANGE: Final = 8
"""[start, stop, step]"""
DECIMAL: Final = 9
"""Its string"""
DATETIME: Final = 10
"""[ISO 8601 without an offset, fold, TIMEZONE or nil]"""
DATE: Final = 11
"""ISO 8601"""
TIME: Final = 12
"""[ISO 8601 without an offset, fold, TIMEZONE or nil]"""
TIMEDELTA: Final = 13
"""[days, seconds, microseconds]"""
TIMEZONE: Final = 14
"""["fixed", offset TIMEDELTA, name or nil] or ["zone", IANA key] or ["pydantic", offset seconds]"""
UUID: Final = 15
"""16 bytes"""
PATH: Final = 16
"""[class name in pathlib, string]"""
DEQUE: Final = 17
"""[maxlen or nil, [item, ...]]"""
MAP: Final = 18
"""A dict with keys that are not strings: pairs"""
ORDERED_DICT: Final = 19
"""pairs"""
DEFAULT_DICT: Final = 20
"""[name of a built-in type or nil, pairs]"""
COUNTER: Final = 21
"""pairs"""
ENUM: Final = 22
"""[ref, member name]"""
FLAG: Final = 23
"""[ref, int]"""
DATACLASS: Final = 24
"""Map; header [ref, other instance attributes or nil]"""
NAMEDTUPLE: Final = 25
"""Map; header ref"""
PYDANTIC: Final = 26
"""Map; header [type, names that were set (nil in inputs), extra values or nil, private values or nil].

A type is a ref, or [type, [type, ...]] for a parametrised generic.
"""
NDARRAY: Final = 27
"""[dtype, shape, "C" or "F", bytes]; dtype is a numpy.lib.format description"""
NUMPY_SCALAR: Final = 28
"""[dtype, bytes], or ["U", str] and ["S", bytes] for numpy's str_ and bytes_"""
USER: Final = 29
"""[registered name, plain value]"""
TEXT: Final = 30
"""A str with lone surrogates: bytes, UTF-8 with the surrogates passed through"""
EXCEPTION: Final = 31
"""[ref, [argument, ...] or nil, attributes map or nil, text, origin map or absent].

The origin: `cause` and `context`, each an EXCEPTION (`context` is true where it is the cause), `suppress`, true. The
arguments of pydantic's ValidationError are [title, [row map, ...], "python" or "json", whether inputs are hidden].
"""
OPAQUE: Final = 32
"""In inputs only: what cannot be encoded, as the ref of its type (or its own, for code)"""
HTTP: Final = 33
"""Map; "" is the kind, one of those `_responses` lists. What a failure carried of HTTP, without credentials."""
LOST: Final = 34
"""[ref, what it was called, str, repr, true or nil, [public name, ...] or nil, why not, own ref or absent].

What a failure carried and no record holds. The fifth says whether it is true like any plain object; the own ref is
that of a class or function.
"""
LOOK: Final = 35
"""In inputs only: what cannot be encoded, as [ref, {field: digest}]; within itself [ref, levels up]"""
KEYED: Final = 36
"""In inputs only: [ref, what the object itself says it is told apart by]"""
