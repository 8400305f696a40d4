"""What a call was given, by parameter name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from omium import codec
from omium.exceptions import InvalidInput

if TYPE_CHECKING:
    from inspect import BoundArguments, Signature

Key = str | Sequence[str] | Callable[..., Any]
"""Which arguments identify a call: parameter names, or a function of the same arguments."""


class Parameters:
    """The parameters of one function; its signature is taken at the first recorded call, or to look for a `key`."""

    def __init__(self, function: Callable[..., Any], key: Key | None = None) -> None:
        self._function = function
        self._signature: Signature | None = None
        self._key = key if key is None or callable(key) else (key,) if isinstance(key, str) else tuple(key)
        if isinstance(self._key, tuple) and callable(function):
            self._check(self._key)

    def counts(self, name: str) -> bool:
        """Whether that argument tells one call from another."""
        return self._key is None or (isinstance(self._key, tuple) and name in self._key)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> BoundArguments:
        """As the call itself would: raises TypeError for arguments that do not fit."""
        return self._known().bind(*args, **kwargs)

    def rebind(self, arguments: Mapping[str, Any], defaults: Collection[str] = ()) -> BoundArguments | None:
        """The same from recorded arguments; None when the function does not take them any more.

        Those in `defaults` were what their parameters defaulted to: one whose parameter is gone says nothing.
        """
        from inspect import BoundArguments, Parameter

        parameters = self._known().parameters
        variadic = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        for name, parameter in parameters.items():
            optional = parameter.default is not Parameter.empty or parameter.kind in variadic
            if name not in arguments and not optional:
                return None
        if not set(arguments) <= {*parameters, *defaults}:
            return None
        ordered = {name: arguments[name] for name in parameters if name in arguments}
        return BoundArguments(self._known(), ordered)

    def inputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """What tells one call from another: the arguments, or those `key` names, that are not their defaults.

        So a parameter with a default can be added, or taken away, and a recorded call is still the same.
        """
        if callable(self._key):
            return {"key": self._key(*args, **kwargs)}
        given = self.given(self.bind(args, kwargs).arguments)
        return given if self._key is None else {name: given[name] for name in self._key if name in given}

    def given(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Those arguments that are not what their parameters default to."""
        parameters = self._known().parameters
        return {name: value for name, value in arguments.items() if not _same(value, parameters[name].default)}

    @property
    def in_order(self) -> tuple[str, ...]:
        """The names of those that may be given without one, from the first."""
        return in_order(self._known())

    @property
    def variadic(self) -> bool:
        """Whether the function takes `*args` or `**kwargs`."""
        from inspect import Parameter

        kinds = {each.kind for each in self._known().parameters.values()}
        return bool(kinds & {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD})

    def _check(self, key: Sequence[str]) -> None:
        try:
            parameters = self._known().parameters
        except ValueError:
            return  # A built-in function that does not say what it takes.
        for name in key:
            if name not in parameters:
                known = ", ".join(parameters) or "none"
                mine = name_of(self._function)
                raise InvalidInput(f"key names {name!r}, which is no parameter of {mine}; its parameters are {known}")

    def _known(self) -> Signature:
        if self._signature is None:
            from inspect import signature

            self._signature = signature(self._function)
        return self._signature


def in_order(signature: Signature) -> tuple[str, ...]:
    """The names of the parameters that may be given without one, from the first."""
    from inspect import Parameter

    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(name for name, each in signature.parameters.items() if each.kind in kinds)


def same(one: BoundArguments, other: BoundArguments) -> bool:
    """Whether two calls of one function mean the same, whatever was left to its defaults."""
    wholes = []
    for bound in (one, other):
        whole = type(bound)(bound.signature, bound.arguments.copy())
        whole.apply_defaults()
        wholes.append(whole.arguments)
    try:
        first, second = (codec.inputs(each, "the workflow").data for each in wholes)
    except InvalidInput:
        # Only pickle can have recorded them. Both have been through it, so equal ones have equal bytes.
        first, second = (codec.dumps(codec.recorded(each, "pickle")[1], "pickle")[1] for each in wholes)
    return first == second


def _same(value: Any, default: Any) -> bool:
    """Whether an argument is what would have been there without it."""
    if value is default:
        return True
    if type(value) is not type(default):
        return False
    return bool(value == default) if type(value) in _PLAIN else codec.equal(value, default)


_PLAIN = (str, int, bool, bytes)
"""Types whose equal values have equal bytes."""


def name_of(function: Callable[..., Any]) -> str:
    """What a step or workflow is called by default: its name, with its class where it has one."""
    inner: Any = function
    while hasattr(inner, "func"):
        inner = inner.func
    qualname = getattr(inner, "__qualname__", type(inner).__qualname__)
    return str(qualname).rpartition("<locals>.")[2]


def label(function: Callable[..., Any], name: str | None) -> str:
    """What it is recorded as: the name it was given, or its own."""
    if name is None:
        return name_of(function)
    if not isinstance(name, str):
        raise InvalidInput(f"a name is a text, not {name!r}")
    return name


def is_async(function: Any) -> bool:
    """Whether calling it gives an awaitable. Generators are refused: they cannot be recorded."""
    from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction

    if not callable(function):
        raise InvalidInput(f"only a function can be recorded, not a {type(function).__name__}")
    inner = function if hasattr(function, "__code__") else getattr(function, "__call__", function)  # noqa: B004
    if any(test(each) for test in (isgeneratorfunction, isasyncgenfunction) for each in (function, inner)):
        raise InvalidInput(f"{name_of(function)} is a generator: return a list instead of yielding")
    return iscoroutinefunction(function) or iscoroutinefunction(inner)
