"""Values as expressions and schemas see them: plain data, with the fields of objects by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.exceptions import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["plain"]

_AS_THEY_ARE = frozenset({str, int, float, bool, bytes, type(None)})


def plain(value: Any) -> Any:
    """None, bool, int, float, str, bytes, list and dict; times as ISO 8601, decimals as floats.

    A dataclass, a named tuple and a pydantic model become a dict of their fields, an enum its value.
    """
    try:
        return _plain(value)
    except RecursionError:
        raise InvalidInput("it is nested too deeply, or within itself: write the condition as a function") from None


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is dict:
        return {_key(name): _plain(item) for name, item in value.items()}
    if kind in (list, tuple, set, frozenset):
        return [_plain(item) for item in value]
    for matches, reduce in _REDUCERS:
        if matches(value):
            return _plain(reduce(value))
    raise InvalidInput(
        f"a {kind.__qualname__} has no plain form for an expression or a schema: write the condition as a function"
    )


def _key(name: Any) -> Any:
    known = name if type(name) in _AS_THEY_ARE else _plain(name)
    if isinstance(known, (dict, list)):
        raise InvalidInput(
            f"a key that is a {type(name).__qualname__} has no plain form: write the condition as a function"
        )
    return known


def _is(module: str, *names: str) -> Callable[[Any], bool]:
    """A test by name, so that a module nobody uses is not imported for it."""

    def matches(value: Any) -> bool:
        return any(cls.__module__ == module and cls.__qualname__ in names for cls in type(value).__mro__)

    return matches


def _numpy(value: Any) -> bool:
    return type(value).__module__ == "numpy" and hasattr(value, "tolist")


def _model(value: Any) -> bool:
    return hasattr(type(value), "__pydantic_fields__")


def _named(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(type(value), "_fields")


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in type(value).__dataclass_fields__}


_REDUCERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (_is("enum", "Enum"), lambda value: value.value),
    (_model, lambda value: {**vars(value), **(value.__pydantic_extra__ or {})}),
    (lambda value: hasattr(type(value), "__dataclass_fields__"), _fields),
    (_named, lambda value: {name: getattr(value, name) for name in type(value)._fields}),
    (_numpy, lambda value: value.tolist()),
    (lambda value: isinstance(value, str), str.__str__),
    (lambda value: isinstance(value, int), int.__int__),
    (lambda value: isinstance(value, float), float.__float__),
    (lambda value: isinstance(value, (bytearray, memoryview)), bytes),
    (lambda value: isinstance(value, dict), lambda value: dict(value.items())),
    (lambda value: isinstance(value, (list, tuple, set, frozenset, range)), list),
    (_is("collections", "deque"), list),
    (_is("decimal", "Decimal"), float),
    (_is("fractions", "Fraction"), float),
    (_is("datetime", "date", "time"), lambda value: value.isoformat()),
    (_is("datetime", "timedelta"), lambda value: value.total_seconds()),
    (_is("uuid", "UUID"), str),
    (_is("pathlib", "PurePath"), str),
)
