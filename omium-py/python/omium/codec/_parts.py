"""What an object that the codec does not cover is made of, as far as it may be looked at.

Of the user's own classes every field counts. Of those of libraries only the public ones do: what they keep to
themselves changes when they are used, and an answered call does not use them. For the same reason a cached property
is no field. No code of the class runs, but for the values of the standard library: they say by their `__reduce__`
what they are made of.
"""

from __future__ import annotations

import copyreg
import sys
from functools import cached_property, lru_cache, partial
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MemberDescriptorType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from omium import _bytecode, _redact
from omium.codec import _objects, _standard
from omium.codec._refs import named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Parts", "is_named", "of"]

_CONTENT = "content"
_POINTER = object.__basicsize__ // 2
_IDENTIFIERS = ("key", "session_id")
"""Names that mean a secret in a log, and what a thing is known by in a class."""
_VOICES = ("loguru", "structlog")
"""Libraries whose loggers have no name; what is logged changes nothing that is recorded."""
_STATELESS = (
    "abc",
    "builtins",
    "collections",
    "contextlib",
    "enum",
    "numbers",
    "pydantic",
    "typing",
    "typing_extensions",
)
"""Modules whose classes keep nothing in the objects of their subclasses that those do not know of."""


class Parts(NamedTuple):
    """The fields of one object."""

    fields: Mapping[str, Any] = {}
    hidden: bool = False
    """Whether there is more to it."""
    library: bool = False
    """Whether its class is not the user's own."""
    accepted: bool = False
    """Whether its class is enough, should nothing else of it tell."""
    needs: str | None = None
    """The field that must tell something, or nothing does."""


def of(value: Any, *, deep: bool) -> Parts:
    """The parts of an object; when it is `deep` in libraries, none of another one."""
    if isinstance(value, (type, ModuleType)) or is_named(value):
        return Parts()
    if isinstance(value, FunctionType):
        return _function(value)
    if isinstance(value, MethodType):
        return Parts({"self": value.__self__, "function": value.__func__}, needs="self")
    if isinstance(value, BuiltinFunctionType):
        return Parts({"self": value.__self__, "name": value.__name__}, needs="self")
    if isinstance(value, partial):
        return Parts({"func": value.func, "args": value.args, "keywords": value.keywords})
    cls: Any = type(value)
    shape = _shape(cls)
    known = _known(value, shape)
    if known is not None:
        return known
    if shape.library and deep:
        return Parts(hidden=True, library=True)
    return _object(value, shape)


def is_named(value: Any) -> bool:
    """Whether it is a function that its name finds again."""
    return isinstance(value, (FunctionType, BuiltinFunctionType)) and named(value)


def _function(function: FunctionType) -> Parts:
    """One that has no name of its own, by its code and what it encloses."""
    inner = getattr(function, "__wrapped__", None)
    if inner is not None and str(function.__globals__.get("__name__")).partition(".")[0] == "omium":
        return Parts({"wrapped": inner})
    fields: dict[str, Any] = {"code": _bytecode.of_function(function)}
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    if not all(map(_bytecode.is_constant, defaults)):
        fields["defaults"] = [*defaults]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            fields[f"closure.{name}"] = cell.cell_contents
        except ValueError:
            continue  # It is not set yet.
    return Parts(fields)


def _known(value: Any, shape: _Shape) -> Parts | None:
    """Kinds of objects of which more is known than their fields."""
    logging: Any = sys.modules.get("logging")
    if logging is not None and isinstance(value, logging.Logger):
        return Parts({"name": value.name})
    if isinstance(value, MappingProxyType):
        return Parts({_CONTENT: dict(value)})
    if shape.root in _VOICES and shape.library:
        return Parts()
    pydantic: Any = sys.modules.get("pydantic")
    if pydantic is not None and isinstance(value, (pydantic.SecretStr, pydantic.SecretBytes)):
        return Parts(hidden=True, library=True, accepted=True)
    arrays: Any = getattr(sys.modules.get("numpy"), "ndarray", None)
    if arrays is not None and isinstance(value, arrays):
        plain = value.view(arrays)
        fields = {"dtype": str(plain.dtype), "shape": list(plain.shape), _CONTENT: plain.tolist()}
        return Parts(fields, hidden=type(value) is not arrays)
    if shape.fields:
        return Parts(dict(zip(shape.fields, value, strict=False)))
    return _reduced(value, shape.reduce) if shape.reduce is not None else None


def _reduced(value: Any, reduce: Callable[[Any], Any]) -> Parts:
    try:
        made = reduce(value)
    except Exception:  # noqa: BLE001  # It cannot be copied, so it is no value.
        return Parts(hidden=True, library=True)
    if isinstance(made, str):
        return Parts({"name": made})
    function, arguments, state, items, pairs = (*made, None, None, None)[:5]
    fields = {"args": [*arguments]}
    if function is not type(value):
        fields["function"] = function
    for name, part in (("state", state), ("items", items), ("pairs", pairs)):
        if part is not None:
            fields[name] = part if name == "state" else [*part]
    return Parts(fields)


class _Shape(NamedTuple):
    """What is known of all objects of a class."""

    root: str
    library: bool
    dark: bool
    """Whether they hold something that no attribute is: a connection, a file, what C code knows."""
    shy: bool
    """Whether fields with a leading underscore are not the user's own."""
    slots: tuple[tuple[str, Any], ...]
    skipped: frozenset[str]
    content: Callable[[Any], Any] | None
    reduce: Callable[[Any], Any] | None
    pydantic: bool
    fields: tuple[str, ...]
    """Those of a namedtuple."""


@lru_cache(maxsize=4096)
def _shape(cls: Any) -> _Shape:
    root = cls.__module__.partition(".")[0]
    library = _bytecode.is_foreign(cls.__module__)
    base, content = _content(cls)
    slots, skipped = [], {_objects.TYPING_NOTE}
    for each in cls.__mro__:
        for name, part in vars(each).items():
            if isinstance(part, MemberDescriptorType) and "__slots__" in vars(each):
                slots.append((name, part))
            elif isinstance(part, cached_property):
                skipped.add(name)
    standard = library and (root in sys.stdlib_module_names or root == "builtins")
    return _Shape(
        root,
        library,
        dark=cls is object or _is_dark(cls, base, len(slots)),
        shy=library or any(_keeps_state(each) for each in cls.__mro__[1:]),
        slots=tuple(slots),
        skipped=frozenset(skipped),
        content=content,
        reduce=_own_reduce(cls) if standard else None,
        pydantic=_objects.is_subclass(cls, "pydantic", "BaseModel"),
        fields=tuple(getattr(cls, "_fields", ())) if issubclass(cls, tuple) else (),
    )


def _object(value: Any, shape: _Shape) -> Parts:
    if shape.dark and shape.library:
        return Parts(hidden=True, library=True)
    fields: dict[str, Any] = {}
    hidden, secret = shape.dark, False
    for name, item in _attributes(value, shape):
        if _names_secret(name) and (shape.library or name not in _IDENTIFIERS or _is_secret(item)):
            secret = True
        elif name.startswith("_") and shape.shy:
            hidden = True
        else:
            fields[name] = item
    if shape.content is not None:
        fields[_CONTENT] = shape.content(value)
    # A secret tells nothing, and may be another one tomorrow.
    return Parts(fields, hidden or secret, shape.library, accepted=secret and not hidden and not shape.library)


_names_secret = lru_cache(maxsize=4096)(_redact.names_secret)


def _attributes(value: Any, shape: _Shape) -> Iterator[tuple[str, Any]]:
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        own = {}
    for name, item in sorted(own.items(), key=lambda each: str(each[0])):
        if name not in shape.skipped:
            yield str(name), item
    if shape.pydantic:
        for more in ("__pydantic_extra__", "__pydantic_private__"):
            yield from (getattr(value, more, None) or {}).items()
        return
    for name, slot in shape.slots:
        try:
            yield name, slot.__get__(value)
        except AttributeError:
            continue  # It is not set.


def _is_secret(item: Any) -> bool:
    return isinstance(item, str) and bool(_redact.shaped(item))


def _keeps_state(base: type) -> bool:
    root = base.__module__.partition(".")[0].lstrip("_")
    return root not in _STATELESS and _bytecode.is_foreign(base.__module__)


def _is_dark(cls: Any, base: Any, slots: int) -> bool:
    """Whether objects are larger than their attributes and the content of `base` explain, as copyreg finds it out."""
    if base.__itemsize__:
        # Of those that are as long as their content, Python itself makes the attributes part of that.
        return False
    size = base.__basicsize__ + _POINTER * slots
    size += _POINTER * (cls.__dictoffset__ > 0 and not base.__dictoffset__)
    size += _POINTER * (cls.__weakrefoffset__ > 0 and not base.__weakrefoffset__)
    return bool(cls.__basicsize__ > size or cls.__itemsize__)


def _own_reduce(cls: type) -> Callable[[Any], Any] | None:
    registered = copyreg.dispatch_table.get(cls)
    if registered is not None:
        return registered
    own = any(
        name in vars(each) for each in cls.__mro__ if each is not object for name in ("__reduce__", "__reduce_ex__")
    )
    return (lambda value: value.__reduce_ex__(4)) if own else None


_CONTENTS: dict[type, Callable[[Any], Any]] = {
    bytearray: bytes,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    dict: dict.copy,
    float: float.__float__,
    frozenset: lambda value: frozenset().union(value),
    int: int.__int__,
    list: list.copy,
    set: lambda value: set().union(value),
    str: str.__str__,
    tuple: lambda value: tuple.__getitem__(value, slice(None)),
}
"""What the built-in class holds that a class is made of; none of them runs code of that class."""


def _content(cls: type) -> tuple[type, Callable[[Any], Any] | None]:
    """The class of plain values that a class is derived from, and what it holds; object where there is none."""
    for base in cls.__mro__[1:]:
        if base in _CONTENTS:
            return base, _CONTENTS[base]
        reducer = _standard.reducer(base) if base is not object else None
        if reducer is not None:
            return base, reducer
    return object, None
