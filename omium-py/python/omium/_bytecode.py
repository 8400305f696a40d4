"""Digests of functions and constants, the same in every process and wherever the lines move; and whose code it is."""

from __future__ import annotations

import os
import sys
from types import CodeType
from typing import TYPE_CHECKING, Any

from omium import _omium

if TYPE_CHECKING:
    from types import FunctionType

__all__ = ["as_text", "digest_of", "is_constant", "is_foreign", "of_function"]

_PACKAGE = __name__.partition(".")[0]
_CHARS = 12
_CONSTANT_CHARS_MAX = 100_000
_SCALARS = (str, bytes, int, float, complex, bool, type(None))
_LIBRARIES = ("site-packages", "dist-packages")


def of_function(function: FunctionType) -> str:
    """Of what the function itself does, its constants and defaults included."""
    defaults = [*(function.__defaults__ or ()), *sorted((function.__kwdefaults__ or {}).items())]
    texts = [as_text(each) if is_constant(each) else type(each).__qualname__ for each in defaults]
    return digest_of(_of_code(function.__code__, function.__doc__) + "".join(texts))


def _of_code(code: CodeType, doc: str | None = None) -> str:
    """Everything that decides what code does; not where it stands, nor what it says of itself."""
    consts = code.co_consts[1:] if doc is not None and code.co_consts[:1] == (doc,) else code.co_consts
    return repr(
        (
            code.co_code,
            code.co_names,
            code.co_varnames,
            code.co_freevars,
            code.co_cellvars,
            (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
            getattr(code, "co_exceptiontable", b""),
            [_of_code(each) if isinstance(each, CodeType) else as_text(each) for each in consts],
        )
    )


def is_constant(value: Any, depth: int = 4) -> bool:
    """Whether it is plain data, and not too much of it."""
    if isinstance(value, _SCALARS):
        return True
    if type(value) not in (tuple, list, dict, set, frozenset) or depth == 0:
        return False
    inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    return len(inner) < _CONSTANT_CHARS_MAX // 10 and all(is_constant(each, depth - 1) for each in inner)


def as_text(value: Any) -> str:
    """A constant, the same in every process: the order of a set is not."""
    if isinstance(value, set | frozenset):
        return "{" + ",".join(sorted(map(as_text, value))) + "}"
    if isinstance(value, tuple | list):
        return type(value).__name__ + "(" + ",".join(map(as_text, value)) + ")"
    if isinstance(value, dict):
        return "{" + ",".join(f"{as_text(key)}:{as_text(item)}" for key, item in value.items()) + "}"
    return repr(value)[:_CONSTANT_CHARS_MAX]


def digest_of(text: str) -> str:
    return _omium.digest(text.encode("utf-8", "surrogatepass")).hex()[:_CHARS]


def is_foreign(module: str) -> bool:
    """Whether a module is of the standard library, of an installed package or of this one: not the user's own."""
    if module.partition(".")[0] in (_PACKAGE, "builtins", "None"):
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return module != "__main__"
    return os.path.dirname(os.__file__) in file or any(each in file for each in _LIBRARIES)
