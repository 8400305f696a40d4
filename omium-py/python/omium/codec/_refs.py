"""Names of classes: `module:qualname` out, the class itself back in, and nothing else ever."""

from __future__ import annotations

import sys
from types import GenericAlias
from typing import Any

from omium.exceptions import NotSerializable

TypeRef = Any
"""A ref, or [type ref, [type ref, ...]] for a parametrised generic."""


def qualified(obj: Any) -> str:
    """The ref of a class or function, whether or not it can be found again."""
    return f"{obj.__module__}:{obj.__qualname__}"


def ref(cls: type) -> str | None:
    """The ref of a class, or None when looking it up would not give this class again."""
    name = qualified(cls)
    module, _, path = name.partition(":")
    return name if _walk(sys.modules.get(module), path) is cls else None


def named(obj: Any) -> bool:
    """Whether an object, such as a function, is found again by the name it gives itself."""
    module, name = getattr(obj, "__module__", None), getattr(obj, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    return _walk(sys.modules.get(module), name) is obj


def find(name: str) -> type:
    """The class of a ref.

    Only a submodule of a package that is loaded already is imported: a record cannot bring new code
    into the process.
    """
    module, _, path = name.partition(":")
    if module not in sys.modules and module.partition(".")[0] in sys.modules:
        import importlib

        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise _unknown(name, f"the module {module} does not exist any more") from error
    if module not in sys.modules:
        raise _unknown(name, f"the module {module} is not loaded: import it first")
    cls = _walk(sys.modules[module], path)
    if not isinstance(cls, type):
        raise _unknown(name, f"{module} has no class {path}: restore it under this name")
    return cls


def type_ref(cls: Any) -> TypeRef | None:
    """The type ref of a class or of a generic over classes; None when it cannot be found again."""
    if cls is type(None):
        return "types:NoneType"
    generic = getattr(cls, "__pydantic_generic_metadata__", None) or {}
    origin, args = generic.get("origin"), generic.get("args", ())
    if isinstance(cls, GenericAlias):
        origin, args = cls.__origin__, cls.__args__
    if origin is None:
        return ref(cls) if isinstance(cls, type) else None
    refs = [type_ref(arg) for arg in args]
    base = type_ref(origin)
    return None if base is None or None in refs else [base, refs]


def find_type(name: TypeRef) -> Any:
    """The class, or parametrised generic, of a type ref."""
    if isinstance(name, str):
        return find(name)
    origin, args = find_type(name[0]), tuple(find_type(arg) for arg in name[1])
    if origin in (list, dict, set, frozenset, tuple):
        return GenericAlias(origin, args)
    if not hasattr(origin, "__pydantic_generic_metadata__"):
        raise _unknown(qualified(origin), "it is not a generic pydantic model")
    return origin[args]


def _walk(owner: Any, path: str) -> Any:
    for part in path.split("."):
        owner = getattr(owner, part, None)
    return owner


def _unknown(name: str, reason: str) -> NotSerializable:
    return NotSerializable(f"cannot rebuild a recorded {name}: {reason}", type=name)
