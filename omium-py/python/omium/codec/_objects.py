"""Instances of the user's classes: enums, dataclasses, namedtuples and pydantic models.

Fields are recorded as they are and set again one by one: no constructor, validator or `__post_init__`
runs when a record is read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from omium.codec import codes
from omium.codec._refs import TypeRef, find, find_type, qualified, ref, type_ref
from omium.exceptions import NotSerializable

Reducer = Callable[[Any], "tuple[int, Any] | None"]

HEAP_TYPE = 1 << 9
TYPING_NOTE = "__orig_class__"
"""What typing leaves in an instance of a generic class; it is no part of the value."""


def reducer(cls: type) -> Reducer | None:
    """The reducer of one class, or None when its instances are not covered or it is not findable."""
    if is_subclass(cls, "enum", "Enum"):
        return _enum(cls)
    if is_subclass(cls, "pydantic", "BaseModel"):
        return _model(cls)
    if hasattr(cls, "__dataclass_fields__") and _has_plain_layout(cls):
        return _dataclass(cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _namedtuple(cls)
    return None


def _enum(cls: Any) -> Reducer | None:
    name = ref(cls)
    if name is None:
        return None
    if is_subclass(cls, "enum", "Flag"):
        return lambda value: (codes.FLAG, [name, value._value_])

    def reduce(value: Any) -> tuple[int, Any] | None:
        known = cls.__members__.get(value._name_) is value
        return (codes.ENUM, [name, value._name_]) if known else None

    return reduce


def revive_enum(data: Any) -> Any:
    cls: Any = _checked(find(data[0]), "enum", "Enum")
    try:
        return cls.__members__[data[1]]
    except KeyError:
        raise _changed(cls, f"it has no member {data[1]}") from None


def revive_flag(data: Any) -> Any:
    cls: Any = _checked(find(data[0]), "enum", "Flag")
    try:
        return cls(data[1])
    except ValueError as error:
        raise _changed(cls, f"it has no flags {data[1]}") from error


def _dataclass(cls: Any) -> Reducer | None:
    from dataclasses import fields
    from functools import cached_property

    name = ref(cls)
    if name is None:
        return None
    names = [field.name for field in fields(cls)]
    skipped = {*names, TYPING_NOTE}
    for base in cls.__mro__:
        skipped.update(k for k, v in vars(base).items() if isinstance(v, cached_property))

    def reduce(value: Any) -> tuple[int, Any]:
        others = getattr(value, "__dict__", None) or {}
        others = {key: item for key, item in others.items() if key not in skipped}
        payload: dict[str, Any] = {"": [name, others or None]}
        for field in names:
            try:
                payload[field] = getattr(value, field)
            except AttributeError:
                continue
        return codes.DATACLASS, payload

    return reduce


def revive_dataclass(data: Any) -> Any:
    from dataclasses import MISSING, fields

    name, others = data.pop("")
    cls = find(name)
    if not hasattr(cls, "__dataclass_fields__") or not _has_plain_layout(cls):
        raise _changed(cls, "it is no dataclass any more")
    value: Any = object.__new__(cls)
    for field in fields(cls):
        if field.name in data:
            object.__setattr__(value, field.name, data.pop(field.name))
        elif field.default is not MISSING:
            object.__setattr__(value, field.name, field.default)
        elif field.default_factory is not MISSING:
            object.__setattr__(value, field.name, field.default_factory())
        elif field.init:
            raise _changed(cls, f"the record lacks its field {field.name}, which has no default")
    if data:
        raise _changed(cls, f"it has no field {next(iter(data))} any more")
    for key, item in (others or {}).items():
        object.__setattr__(value, key, item)
    return value


def _namedtuple(cls: Any) -> Reducer | None:
    name = ref(cls)
    if name is None:
        return None

    def reduce(value: Any) -> tuple[int, Any] | None:
        if getattr(value, "__dict__", None) or len(value) != len(cls._fields):
            return None
        return codes.NAMEDTUPLE, {"": name, **dict(zip(cls._fields, value, strict=True))}

    return reduce


def revive_namedtuple(data: Any) -> Any:
    cls: Any = find(data.pop(""))
    if not issubclass(cls, tuple) or not hasattr(cls, "_fields"):
        raise _changed(cls, "it is no namedtuple any more")
    data = {**cls._field_defaults, **data}
    if set(data) != set(cls._fields):
        raise _changed(cls, f"its fields are not {', '.join(data)} any more")
    return tuple.__new__(cls, [data[field] for field in cls._fields])


def _model(cls: Any) -> Reducer | None:
    name: TypeRef | None = type_ref(cls)
    if name is None:
        return None
    names = cls.__pydantic_fields__ if hasattr(cls, "__pydantic_fields__") else cls.model_fields

    def reduce(value: Any) -> tuple[int, Any]:
        fields_set = sorted(value.__pydantic_fields_set__)
        header = [name, fields_set, value.__pydantic_extra__, value.__pydantic_private__]
        fields = {key: item for key, item in value.__dict__.items() if key in names}
        return codes.PYDANTIC, {"": header, **fields}

    return reduce


def revive_model(data: Any) -> Any:
    name, fields_set, extra, private = data.pop("")
    cls = _checked(find_type(name), "pydantic", "BaseModel")
    fields: dict[str, Any] = cls.model_fields
    for key in data:
        if key not in fields:
            raise _changed(cls, f"it has no field {key} any more")
    for key, field in fields.items():
        if key not in data and key not in fields_set and not field.is_required():
            data[key] = field.get_default(call_default_factory=True)
    from pydantic import BaseModel

    model = cls.__new__(cls)
    state = {
        "__dict__": data,
        "__pydantic_fields_set__": set(fields_set),
        "__pydantic_extra__": extra,
        "__pydantic_private__": private,
    }
    BaseModel.__setstate__(model, state)
    return model


def is_subclass(cls: Any, module: str, name: str) -> bool:
    """Whether cls derives from module.name, without importing the module."""
    base = getattr(sys.modules.get(module), name, None)
    return base is not None and isinstance(cls, type) and issubclass(cls, base)


def _has_plain_layout(cls: type) -> bool:
    """Whether instances hold nothing but attributes: no list, str or exception underneath."""
    return all(base is object or base.__flags__ & HEAP_TYPE for base in cls.__mro__)


def _checked(cls: Any, module: str, name: str) -> Any:
    if not is_subclass(cls, module, name):
        raise _changed(cls, f"it is no {module}.{name} any more")
    return cls


def _changed(cls: Any, reason: str) -> NotSerializable:
    name = qualified(cls)
    advice = "restore the class as it was, or roll back to before the value was recorded"
    return NotSerializable(f"{name} has changed since it was recorded: {reason}; {advice}", type=name)
