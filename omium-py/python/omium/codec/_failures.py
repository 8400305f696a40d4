"""Exceptions: recorded with what they carry, rebuilt without running the user's code.

What a program reads of one is the same when it is answered from the record: its class, arguments, attributes and slots,
its notes, what caused it, the HTTP response it carries (`_responses`). On the record of a failure a live object leaves
its type and its texts, and a stand-in in its place (`_lost`). A class that cannot be found comes back as a
RecordedFailure.
"""

from __future__ import annotations

import re
from functools import partial
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

from omium import _redact
from omium.codec import _lost, _responses, _validation, codes
from omium.codec._refs import find, qualified
from omium.exceptions import NotSerializable, RecordedFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Encodable = Callable[[Any], bool]

__all__ = ["ON_RECORD", "Failure", "Input", "reduce", "revive", "text", "told"]

_HIDDEN: dict[type[BaseException], tuple[str, ...]] = {
    OSError: ("errno", "strerror", "filename", "filename2"),
    ImportError: ("name", "path"),
    NameError: ("name",),
    AttributeError: ("name",),
    StopIteration: ("value",),
    SystemExit: ("code",),
    SyntaxError: ("msg", "filename", "lineno", "offset", "text", "end_lineno", "end_offset"),
}
"""What a built-in class keeps outside `args` and `__dict__`."""

ON_RECORD = "_omium_on_record"
"""Where a live exception carries the seqs of the entries that recorded it. It is no part of the value."""

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
"""Where in memory an object lies, as its text says it."""

_CHAIN_MAX = 8
_LEVELS_MAX = 32
_PLAIN = (type(None), bool, int, float, bytes)


class Failure:
    """An exception reduced to what can be encoded of it, without the secrets in its texts."""

    def __init__(self, error: BaseException, encodable: Encodable, left: int = _CHAIN_MAX) -> None:
        self.payload: list[Any]
        if left == 0:
            # Far down a chain: no more than its class and its text.
            self.payload = [qualified(type(error)), None, None, _redact.text(text(error))]
            return
        inner = partial(Failure, encodable=encodable, left=left - 1)
        self.payload = _told(error, _Parts(encodable, inner, _responses.taken, _lost.Kept))
        if more := _chain(error, inner):
            self.payload.append(more)


class Input(Failure):
    """As an argument: without what it came from, and without what is new each time it is raised."""

    def __init__(self, error: BaseException, encodable: Encodable, left: int = _CHAIN_MAX) -> None:
        inner = partial(Input, encodable=encodable, left=left - 1)
        self.payload = [qualified(type(error))]
        if left:
            self.payload = _told(error, _Parts(encodable, inner, _responses.identity, _lost.Named))
            self.payload[3] = _ADDRESS.sub("0x", self.payload[3])


def told(value: Any, encodable: Encodable) -> Any:
    """What stands in an input for an exception, or for what one carries: the same live and from the record."""
    if issubclass(type(value), BaseException):
        return Input(value, encodable)
    if issubclass(type(value), _lost.Lost):
        return _lost.Named(value)
    return _responses.identity(value)


def _told(error: BaseException, parts: _Parts) -> list[Any]:
    name, args, state, message = reduce(error)[1]
    args = [parts.of("an argument", item) for item in args]
    state = {key: parts.of(key, item) for key, item in (state or {}).items()}
    if isinstance(error, AttributeError) and error.obj is not None:
        # It may be anything of the program's.
        state["obj"] = _lost.Kept.blank(error.obj, "obj")
    return [name, args, state or None, _redact.text(message)]


class _Parts:
    """Tells what can be told of the parts of one exception."""

    def __init__(
        self,
        encodable: Encodable,
        failure: Callable[[BaseException], Failure],
        message: Callable[[Any], Any],
        lost: Callable[..., Any],
    ) -> None:
        self._encodable = encodable
        self._failure = failure
        self._message = message
        self._lost = lost
        self._around: list[int] = []

    def of(self, name: str, item: Any) -> Any:
        """What is recorded of one part: messages, and the bodies of answers, quote the requests."""
        cls = type(item)
        if cls is str:
            return _redact.REDACTED if _redact.names_secret(name) else _redact.text(item)
        if cls in _PLAIN:
            return item
        if cls in (list, tuple, dict):
            return self._inside(name, item)
        if issubclass(cls, BaseException):
            return self._inside(name, item)
        known = self._message(item)
        if known is not None:
            return known
        return item if self._encodable(item) else self._lost(item, name)

    def _inside(self, name: str, item: Any) -> Any:
        if id(item) in self._around or len(self._around) == _LEVELS_MAX:
            return self._lost(item, name, "because it is nested too deeply or contains itself")
        self._around.append(id(item))
        try:
            if isinstance(item, BaseException):
                return self._failure(item)
            if type(item) is not dict:
                return type(item)(self.of(name, each) for each in item)
            if not all(type(key) is str or self._encodable(key) for key in item):
                return self._lost(item, name)
            return {key: self._named(key, each) for key, each in item.items()}
        finally:
            self._around.pop()

    def _named(self, key: Any, item: Any) -> Any:
        return _redact.REDACTED if _redact.names_secret(key) and item else self.of(str(key), item)


def reduce(error: BaseException) -> tuple[int, Any]:
    """All of an exception; encoding it fails where it carries what is not covered."""
    state = {key: item for key, item in vars(error).items() if key != ON_RECORD}
    state.update(_slots(error))
    for base, parts in _HIDDEN.items():
        if isinstance(error, base):
            # None is left out: str() of an OSError whose filename was set to None differs.
            hidden = {part: vars(base)[part].__get__(error) for part in parts}
            state.update((part, item) for part, item in hidden.items() if item is not None)
    validation = _validation.is_validation_error(type(error))
    args = _validation.parts(error) if validation else list(error.args)
    return codes.EXCEPTION, [qualified(type(error)), args, state or None, text(error)]


def text(error: BaseException) -> str:
    """str(error), or what can be said of one whose own __str__ fails. Half characters are spelled out."""
    try:
        return str(error).encode("utf-8", "backslashreplace").decode()
    except Exception as broken:  # noqa: BLE001  # It is the user's code, and its failure is said.
        return f"<its text could not be made: {type(broken).__name__}>"


def _members(cls: type) -> Iterator[tuple[str, MemberDescriptorType]]:
    """The slots that the classes of a program declare."""
    for base in cls.__mro__:
        if "__slots__" in vars(base):
            yield from ((name, each) for name, each in vars(base).items() if isinstance(each, MemberDescriptorType))


def _slots(error: BaseException) -> dict[str, Any]:
    found = {}
    for name, member in _members(type(error)):
        try:
            found[name] = member.__get__(error, type(error))
        except AttributeError:
            continue  # It was never set.
    return found


def _chain(error: BaseException, inner: Callable[[BaseException], Failure]) -> dict[str, Any]:
    """What it came from."""
    more: dict[str, Any] = {}
    if error.__cause__ is not None:
        more["cause"] = inner(error.__cause__)
    if error.__context__ is not None:
        more["context"] = True if error.__context__ is error.__cause__ else inner(error.__context__)
    if error.__suppress_context__:
        more["suppress"] = True
    return more


def revive(data: Any) -> BaseException:
    """The exception again, or a RecordedFailure with its class and text."""
    name, args, state, message, *more = data
    error = _made(name, args, message)
    if not isinstance(error, RecordedFailure) or name == qualified(RecordedFailure):
        _fill(error, state or {})
    chain = more[0] if more else {}
    cause, context = chain.get("cause"), chain.get("context")
    error.__cause__ = cause
    error.__context__ = cause if context is True else context
    error.__suppress_context__ = bool(chain.get("suppress"))
    return error


def _made(name: str, args: Any, message: str) -> BaseException:
    unknown = RecordedFailure(f"{name.partition(':')[2]}: {message}", type=name)
    if args is None:
        return unknown
    try:
        cls: Any = find(name)
        if not issubclass(cls, BaseException):
            return unknown
        if _validation.is_validation_error(cls):
            return _validation.made(cls, *args)
        # The user's own __new__ and __init__ are passed over for those of the built-in class below.
        base: Any = next(base for base in cls.__mro__ if base.__module__ == "builtins")
        error: BaseException = base.__new__(cls, *args)
        base.__init__(error, *args)
    except (NotSerializable, TypeError, ValueError):
        return unknown
    return error


def _fill(error: BaseException, state: dict[str, Any]) -> None:
    """Sets each part where it was kept; a property of the user's does not run."""
    hidden: dict[str, Any] = {"obj": vars(AttributeError)["obj"]} if isinstance(error, AttributeError) else {}
    for base, parts in _HIDDEN.items():
        if isinstance(error, base):
            hidden.update((part, vars(base)[part]) for part in parts)
    for key, place in hidden.items():
        # The constructor of the built-in class may set what that of its own class did not.
        if key not in state and place.__get__(error) is not None:
            place.__delete__(error)
    places = {**hidden, **dict(_members(type(error)))}
    for key, item in state.items():
        if key in places:
            places[key].__set__(error, item)
        else:
            vars(error)[key] = item
