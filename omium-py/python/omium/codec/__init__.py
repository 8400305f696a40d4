"""Values to bytes and back, losslessly: what comes out equals what went in, type and all.

The bytes are msgpack with the extension codes of `codes`. Reading never calls what a record names: it
finds a class, in a package that is loaded already, and sets the fields of a new instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from omium import _omium
from omium.codec import _advice, _engine, _failures, _look, codes
from omium.codec._advice import TELL_APART
from omium.codec._failures import ON_RECORD, text
from omium.codec._refs import qualified
from omium.exceptions import FormatUnsupported, InvalidInput, NotSerializable, StoreCorrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "ON_RECORD",
    "TELL_APART",
    "Blob",
    "Inputs",
    "codes",
    "dumps",
    "dumps_failure",
    "dumps_inputs",
    "dumps_shown",
    "equal",
    "inputs",
    "is_constant",
    "loads",
    "recorded",
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
    if qualified(other) != qualified(cls):
        raise InvalidInput(f"{name!r} is registered for {qualified(other)}: choose another name")
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


def recorded(value: Any, codec: str = "msgpack") -> tuple[Blob, Any]:
    """What is recorded of a value, and that decoded again: what a resume will be answered with.

    So what could not be read back is refused when it is recorded.
    """
    blob = dumps(value, codec)
    if is_constant(value):
        return blob, value
    try:
        return blob, loads(*blob, allow_pickle=True)
    except NotSerializable:
        raise
    except Exception as error:
        raise NotSerializable(
            f"the value, a {qualified(type(value))}, could not be read back from what is recorded of it "
            f"({type(error).__qualname__}: {error}): return plain data, or mend what rebuilds it",
            type=qualified(type(value)),
        ) from error


_SCALARS = (str, int, float, bool, type(None), bytes)


def is_constant(value: Any) -> bool:
    """Whether nobody can tell a value from its copy: it cannot change, and no part of it is shared."""
    cls = type(value)
    return cls in _SCALARS or (cls is tuple and all(map(is_constant, value)))


def dumps_failure(error: BaseException) -> Blob:
    """Encodes an exception; of what it carries that is not covered only the type and the texts."""
    failure = _failures.Failure(error, _engine.encodable)
    return "msgpack", _omium.encode(failure, _engine.Reduce())


class Inputs(NamedTuple):
    """The arguments of one call, as far as they tell it from others."""

    data: bytes
    """Equal arguments give equal bytes in every process."""
    untold: Sequence[Any] = ()
    """The live objects among them of which there is more than the bytes tell."""


def inputs(arguments: Mapping[str, Any], of: str) -> Inputs:
    """What a call of that name is known by. Of what is not covered the look counts.

    Raises InvalidInput where nothing tells an argument from others.
    """
    whole = dict(arguments)
    if not _look.uncovered(whole.values()):
        try:
            return Inputs(_omium.encode(whole, _look.Inputs(), canonical=True))
        except (NotSerializable, RecursionError):
            pass  # One of them wants a look.
    looks = _look.Looks()
    try:
        return Inputs(_omium.encode(whole, looks, canonical=True), looks.untold)
    except (NotSerializable, RecursionError) as error:
        raise _advice.indistinct(error, of, whole, _indistinct) from None


def _indistinct(argument: Any) -> Exception | None:
    try:
        _omium.encode(argument, _look.Looks(), canonical=True)
    except (NotSerializable, RecursionError) as error:
        return error
    return None


def dumps_inputs(arguments: Mapping[str, Any]) -> bytes:
    """The canonical bytes of plain values, for a digest."""
    return _omium.encode(dict(arguments), _look.Inputs(), canonical=True)


def dumps_shown(values: Mapping[str, Any]) -> bytes:
    """Bytes to be looked at, and for nothing else: what tells nothing counts by its type."""
    try:
        return _shown(values)
    except (NotSerializable, RecursionError):
        # One of them contains itself or is too deep.
        return _shown({name: item if _indistinct(item) is None else type(item) for name, item in values.items()})


def _shown(values: Mapping[str, Any]) -> bytes:
    return _omium.encode(dict(values), _look.Looks(lenient=True), canonical=True)
