"""Fingerprints of code: whether a function, or what it uses, is still what it was when something was recorded.

A fingerprint is the same in every process and wherever the lines move, and another one as soon as the
function does something else. What it uses of the user's own code counts too, by name: functions, classes and
plain constants such as prompts, also those of other modules. Bytecode differs between versions of Python, so
each fingerprint says which one it is of.
"""

from __future__ import annotations

import sys
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from omium import _redact
from omium._bytecode import as_text, digest_of, is_constant, is_foreign, of_function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from dis import Instruction

__all__ = ["Code", "Fingerprint", "compiler", "differences"]

Fingerprint = dict[str, Any]
"""`own`: of the function itself; `uses`: of what it uses, by name; `checks`: of its conditions; `python`: by
which compiler."""

OWN: Final = "own"
USES: Final = "uses"
CHECKS: Final = "checks"
PYTHON: Final = "python"

_USES_MAX = 24
_REST = "and more"
"""The name under which everything beyond _USES_MAX is taken together."""


class Code:
    """The code of one function and of its conditions, looked at once."""

    def __init__(self, function: Callable[..., Any], conditions: Sequence[Any] = ()) -> None:
        self._function = function
        self._conditions = conditions
        self._fingerprint: Fingerprint | None = None

    def fingerprint(self) -> Fingerprint | None:
        """None for what is not written in Python."""
        if self._fingerprint is None:
            function = _function(self._function)
            if function is not None:
                self._fingerprint = _fingerprint(function)
                if self._conditions:
                    self._fingerprint[CHECKS] = digest_of("".join(map(_of_condition, self._conditions)))
        return self._fingerprint


def compiler() -> str:
    """What makes bytecode of code here, such as `cpython-312`."""
    tag = sys.implementation.cache_tag or sys.implementation.name
    return f"{tag}.opt-{sys.flags.optimize}" if sys.flags.optimize else tag


def differences(one: Fingerprint | None, other: Fingerprint | None) -> tuple[str, ...]:
    """What is not the same in two fingerprints: `own`, `checks`, and names of what the function uses.

    Nothing when one is missing, or another compiler made it.
    """
    if one is None or other is None or one.get(PYTHON) != other.get(PYTHON):
        return ()
    old, new = one.get(USES, {}), other.get(USES, {})
    uses = [name for name in new if name in old and new[name] != old[name]]
    return (*(part for part in (OWN, CHECKS) if one.get(part) != other.get(part)), *uses)


def _function(function: Any) -> FunctionType | None:
    """The Python function behind a partial, a method or an object that can be called."""
    while hasattr(function, "func"):
        function = function.func
    function = getattr(function, "__func__", function)
    if not isinstance(function, FunctionType):
        function = getattr(type(function), "__call__", None)  # noqa: B004  # It is looked at, not asked for.
    return function if isinstance(function, FunctionType) else None


def _fingerprint(function: FunctionType) -> Fingerprint:
    uses: dict[str, str] = {}
    rest = []
    for name, digest in _used(function):
        if len(uses) < _USES_MAX:
            uses[name] = digest
        else:
            rest.append(name + digest)
    if rest:
        uses[_REST] = digest_of("".join(rest))
    return {PYTHON: compiler(), OWN: of_function(function), **({USES: uses} if uses else {})}


def _used(function: FunctionType) -> Iterator[tuple[str, str]]:
    """Everything of the user's own that the function reaches by its global names, the nearest first."""
    seen: set[int] = {id(function)}
    home = function.__module__
    ahead = list(_reached(function))
    while ahead:
        name, where, value = ahead.pop(0)
        if isinstance(value, FunctionType | type):
            where = value.__module__
        label = name if where == home else f"{where}.{name}"
        if isinstance(value, FunctionType):
            if id(value) not in seen and _is_own(value):
                seen.add(id(value))
                yield label, of_function(value)
                ahead += _reached(value)
        elif isinstance(value, type):
            if id(value) not in seen and _is_own(value):
                seen.add(id(value))
                yield label, _of_class(value)
                for method in _methods(value):
                    seen.add(id(method))
                    ahead += _reached(method, alone=False)
        elif not _redact.names_secret(name) and is_constant(value):
            yield label, digest_of(as_text(value))


def _reached(function: FunctionType, *, alone: bool = True) -> list[tuple[str, str, Any]]:
    """Name, module and value of what the code of a function names: globals, functions it encloses, parts of modules.

    Of a method that is looked at `alone`, and not with its whole class, also what it reads of its object.
    """
    from inspect import getattr_static

    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    found: dict[str, tuple[str, str, Any]] = {}
    for name, cell in cells:
        try:
            value = cell.cell_contents
        except ValueError:
            continue  # It is not set yet.
        if isinstance(value, FunctionType):
            found[name] = (name, function.__module__, value)
    stored: set[str] = set()
    own_class = _class_of(function) if alone else None
    for chain in _chains(function.__code__, stored):
        where, name = function.__module__, chain[0]
        value = function.__globals__.get(name, _MISSING)
        if own_class is not None and name == function.__code__.co_varnames[0]:
            # What a method reads of its object is looked up in its class.
            value = own_class
        for part in chain[1:]:
            if isinstance(value, ModuleType):
                where, name, value = value.__name__, part, vars(value).get(part, _MISSING)
            elif value is own_class:
                found_there = getattr_static(value, part, _MISSING)
                name, value = part, getattr(found_there, "__func__", getattr(found_there, "fget", found_there))
            else:
                break
        known = value is not _MISSING and value is not own_class and not isinstance(value, ModuleType)
        if known and not is_foreign(where):
            found[f"{where}.{name}"] = (name, where, value)
    return [each for key, each in found.items() if each[0] not in stored]


_MISSING = object()


def _class_of(function: FunctionType) -> type | None:
    """The class a method was defined in, where that can be found by its name."""
    name = function.__qualname__.rpartition(".")[0]
    owner = function.__globals__.get(name)
    return owner if isinstance(owner, type) and function.__code__.co_argcount else None


def _chains(code: CodeType, stored: set[str]) -> Iterator[list[str]]:
    """The names that code reads, each with the attributes read of it: globals, and its first parameter.

    Those it assigns go to `stored`.
    """
    from dis import get_instructions

    chain: list[str] = []
    for each in get_instructions(code):
        if each.opname in ("LOAD_GLOBAL", "LOAD_NAME") or _loads_first(code, each):
            if chain:
                yield chain
            chain = [str(each.argval) if isinstance(each.argval, str) else code.co_varnames[0]]
        elif each.opname in ("LOAD_ATTR", "LOAD_METHOD") and chain:
            chain.append(str(each.argval))
        elif chain and each.opname not in ("CACHE", "PUSH_NULL"):
            yield chain
            chain = []
        if each.opname == "STORE_GLOBAL":
            stored.add(str(each.argval))
    if chain:
        yield chain
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _chains(inner, stored)


def _loads_first(code: CodeType, instruction: Instruction) -> bool:
    if not code.co_argcount or not instruction.opname.startswith("LOAD_FAST"):
        return False
    # Newer versions load two variables at once.
    names = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
    return bool(names[-1] == code.co_varnames[0])


def _is_own(value: Any) -> bool:
    """Whether the user wrote it: not the standard library, not an installed package, not this one.

    A function is asked where its code is, for decorators give it the name of another.
    """
    named = value.__globals__.get("__name__") if isinstance(value, FunctionType) else value.__module__
    return not is_foreign(str(named))


def _methods(cls: type) -> Iterator[FunctionType]:
    for value in vars(cls).values():
        inner = getattr(value, "__func__", getattr(value, "fget", value))
        if isinstance(inner, FunctionType) and inner.__module__ == cls.__module__:
            yield inner


def _of_class(cls: type) -> str:
    constants = [f"{name}={as_text(value)}" for name, value in vars(cls).items() if _of_interest(name, value)]
    return digest_of("".join([*constants, *(each.__name__ + of_function(each) for each in _methods(cls))]))


def _of_interest(name: str, value: Any) -> bool:
    return not name.startswith("__") and not _redact.names_secret(name) and is_constant(value)


def _of_condition(condition: Any) -> str:
    if not callable(condition):
        return as_text(condition)
    function = _function(condition)
    return type(condition).__qualname__ if function is None else of_function(function)
