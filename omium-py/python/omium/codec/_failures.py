"""Exceptions: recorded with what they carry, rebuilt without running the user's code.

A failure often carries live objects, such as a response. On the record of a step those attributes are
left out, and arguments that cannot be encoded leave only the class and the text, which come back as a
RecordedFailure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium import _redact
from omium.codec import codes
from omium.codec._refs import find, qualified
from omium.exceptions import NotSerializable, RecordedFailure

if TYPE_CHECKING:
    from collections.abc import Callable

_HIDDEN = {OSError: ("errno", "strerror", "filename", "filename2"), ImportError: ("name", "path")}
"""What a built-in class keeps outside `args` and `__dict__`."""

ON_RECORD = "_omium_on_record"
"""Where a live exception carries the seqs of the entries that recorded it. It is no part of the value."""


class Failure:
    """An exception reduced to what can be encoded of it, without the secrets in its texts."""

    def __init__(self, error: BaseException, encodable: Callable[[Any], bool]) -> None:
        name, args, state, message = reduce(error)[1]
        state = {key: _open(key, item) for key, item in (state or {}).items() if encodable(item)}
        args = [_open("", item) for item in args] if encodable(args) else None
        self.payload = [name, args, state or None, _redact.text(message)]


def _open(name: str, item: Any) -> Any:
    """What may be recorded of a part of an exception: messages, and the bodies of answers, quote the requests."""
    if type(item) is str and _redact.names_secret(name):
        return _redact.REDACTED
    if type(item) is tuple:
        return tuple(_redact.tree(list(item)))
    return _redact.tree(item) if type(item) in (str, list, dict) else item


def reduce(error: BaseException) -> tuple[int, Any]:
    """All of an exception; encoding it fails where it carries what is not covered."""
    state = {key: item for key, item in vars(error).items() if key != ON_RECORD}
    for base, parts in _HIDDEN.items():
        if isinstance(error, base):
            # None is left out: str() of an OSError whose filename was set to None differs.
            hidden = {part: getattr(error, part) for part in parts}
            state.update((part, item) for part, item in hidden.items() if item is not None)
    args = _validation_args(error) if _is_validation_error(type(error)) else list(error.args)
    return codes.EXCEPTION, [qualified(type(error)), args, state or None, text(error)]


def text(error: BaseException) -> str:
    """str(error), or what can be said of one whose own __str__ fails. Half characters are spelled out."""
    try:
        return str(error).encode("utf-8", "backslashreplace").decode()
    except Exception as broken:  # noqa: BLE001  # It is the user's code, and its failure is said.
        return f"<its text could not be made: {type(broken).__name__}>"


def revive(data: Any) -> BaseException:
    """The exception again, or a RecordedFailure with its class and text."""
    name, args, state, message = data
    unknown = RecordedFailure(f"{name.partition(':')[2]}: {message}", type=name)
    if args is None:
        return unknown
    try:
        cls: Any = find(name)
        if not issubclass(cls, BaseException):
            return unknown
        if _is_validation_error(cls):
            return _validation_error(cls, *args)
        # The user's own __new__ and __init__ are passed over for those of the built-in class below.
        base: Any = next(base for base in cls.__mro__ if base.__module__ == "builtins")
        error: BaseException = base.__new__(cls, *args)
        base.__init__(error, *args)
    except (NotSerializable, TypeError, ValueError):
        return unknown
    for key, item in (state or {}).items():
        BaseException.__setattr__(error, key, item)
    return error


def _is_validation_error(cls: type) -> bool:
    return cls.__module__.startswith("pydantic_core") and cls.__name__ == "ValidationError"


def _validation_args(error: Any) -> list[Any]:
    keys = ("type", "loc", "msg", "input", "ctx")
    lines = [[line.get(key) for key in keys] for line in error.errors(include_url=False)]
    return [error.title, lines]


def _validation_error(cls: Any, title: str, lines: list[Any]) -> BaseException:
    from pydantic_core import PydanticCustomError

    details = []
    for kind, loc, message, value, context in lines:
        detail = {"type": kind, "loc": tuple(loc), "input": value, "ctx": context or {}}
        try:
            cls.from_exception_data(title, [detail])
        except (KeyError, TypeError):
            escaped = message.replace("{", "{{").replace("}", "}}")
            detail["type"] = PydanticCustomError(kind, escaped)
        details.append(detail)
    error: BaseException = cls.from_exception_data(title, details)
    return error
