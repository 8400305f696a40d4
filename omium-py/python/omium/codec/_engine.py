"""What the native encoder asks about every value it does not know, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from omium import _omium
from omium.codec import _failures, _lost, _numpy, _objects, _responses, _standard, codes
from omium.codec._order import ordered, ordered_pairs, pairs
from omium.exceptions import FormatUnsupported, NotSerializable, OmiumError, StoreCorrupted

Reducer = Callable[[Any], "tuple[int, Any] | None"]

_SETS_DEEP_MAX = 128

_PAIRS = (codes.MAP, codes.COUNTER)
_MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What rebuilding a value raises when its payload is not what the code stands for."""

reducers: dict[type, Reducer] = {
    dict: lambda value: (codes.MAP, pairs(value.items())),
    _failures.Failure: lambda value: (codes.EXCEPTION, value.payload),
    _failures.Input: lambda value: (codes.EXCEPTION, value.payload),
    _lost.Kept: _lost.reduce,
    _lost.Named: _lost.reduce_named,
    _responses.Message: _responses.reduce,
}
"""By exact type; grows as types are met and as users register theirs."""

registered: dict[str, tuple[type, Callable[[Any], Any]]] = {}
"""The user's types: name -> (class, from_plain)."""


class Reduce:
    """Turns one value at a time into an extension code and a payload.

    `canonical` makes equal values give equal bytes. One instance serves one call of encode.
    """

    __slots__ = ("_depth", "_orders", "_too_deep", "canonical")

    def __init__(self, *, canonical: bool = False) -> None:
        self.canonical = canonical
        self._orders: dict[int, list[Any]] = {}
        self._depth = 0
        self._too_deep = False

    def __call__(self, value: Any) -> tuple[int, Any] | None:
        cls = type(value)
        if cls is set or cls is frozenset:
            return (codes.SET if cls is set else codes.FROZENSET), self._order(value)
        reducer = reducers.get(cls) or _resolve(cls)
        reduced = reducer(value) if reducer else None
        if reduced is None:
            return None
        return self._canonical(*reduced) if self.canonical else reduced

    def _order(self, members: Any) -> list[Any]:
        # Ordering encodes the members, and a set in a set would encode its own again at every level.
        known = self._orders.get(id(members))
        if known is None:
            known = self._orders[id(members)] = ordered(members, self._key)
        if self._too_deep:
            raise NotSerializable(f"sets lie within sets more than {_SETS_DEEP_MAX} deep: flatten them")
        return known

    def _canonical(self, code: int, payload: Any) -> tuple[int, Any]:
        if code in _PAIRS:
            payload = ordered_pairs(payload, self._key)
        elif code == codes.DEFAULT_DICT:
            payload = [payload[0], ordered_pairs(payload[1], self._key)]
        return code, payload

    def _key(self, member: Any) -> bytes:
        # Each level is an encoder within the last, on the thread's one stack: the interpreter's own limit comes too
        # late where a program has raised it.
        if self._depth >= _SETS_DEEP_MAX:
            self._too_deep = True
            return b""
        self._depth += 1
        try:
            return _omium.encode(member, self, canonical=True)
        except NotSerializable:
            # The encoder reaches the same member next, and knows the path to it.
            return b""
        finally:
            self._depth -= 1


def encodable(value: Any) -> bool:
    """Whether all of it can be recorded."""
    try:
        _omium.encode(value, Reduce())
    except (NotSerializable, RecursionError):
        return False
    return True


def _resolve(cls: type) -> Reducer | None:
    reducer = (
        _standard.reducer(cls)
        or _numpy.reducer(cls)
        or _objects.reducer(cls)
        or (_failures.reduce if issubclass(cls, BaseException) else None)
    )
    if reducer is not None:
        reducers[cls] = reducer
    return reducer


_REVIVERS: dict[int, Callable[[Any], Any]] = {
    **_standard.REVIVERS,
    codes.ENUM: _objects.revive_enum,
    codes.FLAG: _objects.revive_flag,
    codes.DATACLASS: _objects.revive_dataclass,
    codes.NAMEDTUPLE: _objects.revive_namedtuple,
    codes.PYDANTIC: _objects.revive_model,
    codes.NDARRAY: _numpy.revive_array,
    codes.NUMPY_SCALAR: _numpy.revive_scalar,
    codes.EXCEPTION: _failures.revive,
    codes.HTTP: _responses.revive,
    codes.LOST: _lost.revive,
}


def revive(code: int, payload: Any) -> Any:
    """The value of an extension code and its decoded payload."""
    if code == codes.USER:
        read, plain = _reader(payload)
        return read(plain)
    reviver = _REVIVERS.get(code)
    if reviver is None:
        raise FormatUnsupported(f"a value has extension code {code}, unknown to this omium")
    try:
        return reviver(payload)
    except OmiumError:
        raise
    except _MALFORMED as error:
        raise StoreCorrupted(f"a value with extension code {code} is malformed: {error!r}") from error


def _reader(payload: Any) -> tuple[Callable[[Any], Any], Any]:
    """What a user's class is read with, and its plain value. What the reader raises is the user's."""
    try:
        name, plain = payload
        known = registered.get(name)
    except _MALFORMED as error:
        raise StoreCorrupted(f"a value of a registered class is malformed: {error!r}") from error
    if known is None:
        raise NotSerializable(
            f"a recorded {name!r} has no reader here: call omium.codec.register for it first", type=str(name)
        )
    return known[1], plain
