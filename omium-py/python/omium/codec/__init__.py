"""Values to bytes and back, losslessly: what comes out equals what went in, type and all.

The bytes are msgpack with the extension codes of `codes`. Reading never calls what a record names: it
finds a class, in a package that is loaded already, and sets the fields of a new instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from omium import _omium
from omium.codec import _advice, _engine, _failures, codes
from omium.codec._failures import ON_RECORD, text
from omium.exceptions import FormatUnsupported, InvalidInput, NotSerializable, StoreCorrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "ON_RECORD",
    "Blob",
    "codes",
    "dumps",
    "dumps_failure",
    "dumps_inputs",
    "equal",
    "loads",
    "register",
    "text",
]

Blob = tuple[str, bytes]
"""The name of a codec and the encoded bytes."""

T = TypeVar("T")


def register(cls: type[T], name: str, to_plain: Callable[[T], Any], from_plain: Callable[[Any], T]) -> None:
    """Teaches the codec one class (not its subclasses).

    `name` goes into the store and must stay the same; `to_plain` gives anything the codec covers.
    """
    other = _engine.registered.get(name, (cls,))[0]
    if _engine.name_of(other) != _engine.name_of(cls):
        raise InvalidInput(f"{name!r} is registered for {_engine.name_of(other)}: choose another name")
    _engine.registered[name] = (cls, from_plain)
    _engine.reducers[cls] = lambda value: (codes.USER, [name, to_plain(value)])


def dumps(value: Any, codec: str = "msgpack") -> Blob:
    """Encodes. Raises NotSerializable with the path to the first value that is not covered."""
    if codec == "msgpack":
        try:
            return codec, _omium.encode(value, _engine.Reduce())
        except (NotSerializable, RecursionError) as error:
            raise _advice.explained(error) from None
    if codec == "pickle":
        import pickle

        return codec, pickle.dumps(value, protocol=5)
    raise InvalidInput(f"no codec {codec!r}: use 'msgpack' or 'pickle'")


def equal(one: Any, other: Any) -> bool:
    """Whether two values are recorded with the same bytes; never of what is not covered."""
    try:
        return _canonical(one) == _canonical(other)
    except (NotSerializable, RecursionError):
        return False


def _canonical(value: Any) -> bytes:
    return _omium.encode(value, _engine.Reduce(canonical=True), canonical=True)


def loads(codec: str, data: bytes, *, allow_pickle: bool = False) -> Any:
    """Decodes. Reading pickled bytes can run any code, so it must be allowed by name."""
    if codec == "msgpack":
        try:
            return _omium.decode(data, _engine.revive)
        except ValueError as error:
            raise StoreCorrupted(f"a recorded value cannot be decoded: {error}") from error
    if codec == "raw":
        return data
    if codec == "json":
        import json

        return json.loads(data)
    if codec == "pickle":
        if not allow_pickle:
            raise InvalidInput("this value is pickled: ask for codec='pickle' where it is read")
        import pickle

        return pickle.loads(data)
    raise FormatUnsupported(f"a value has the codec {codec!r}, unknown to this omium")


def dumps_failure(error: BaseException) -> Blob:
    """Encodes an exception; of what it carries that is not covered only the type and the texts."""
    failure = _failures.Failure(error, _engine.encodable)
    return "msgpack", _omium.encode(failure, _engine.Reduce())


def dumps_inputs(arguments: Mapping[str, Any]) -> bytes:
    """The canonical bytes of a call's inputs, for its digest and for showing them.

    Equal inputs give equal bytes in every process. What cannot be encoded, such as a client or
    `self`, counts as the name of its type.
    """
    try:
        return _inputs(dict(arguments))
    except (NotSerializable, RecursionError):
        # One of them contains itself or is too deep. In its place stands its type.
        return _inputs({name: _bounded(item) for name, item in arguments.items()})


def _inputs(arguments: dict[str, Any]) -> bytes:
    return _omium.encode(arguments, _engine.Reduce(canonical=True, lenient=True), canonical=True)


def _bounded(argument: Any) -> Any:
    try:
        _inputs({"": argument})
    except (NotSerializable, RecursionError):
        return type(argument)
    return argument
