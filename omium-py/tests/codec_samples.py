"""Classes the codec tests record: they must be importable, as those of a program are."""

# These are the odd classes the codec must cope with.
# ruff: noqa: PIE796, PYI024, PYI034, SLOT000

from __future__ import annotations

import enum
from collections import namedtuple
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, PrivateAttr, RootModel
from pydantic.dataclasses import dataclass as pydantic_dataclass

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "r"
    CRIMSON = "r"
    BLUE = ("b", 1)


class Number(enum.IntEnum):
    ONE = 1
    TWO = 2


class Word(str, enum.Enum):
    YES = "yes"


class Right(enum.Flag):
    READ = 1
    WRITE = 2
    ALL = READ | WRITE


class Mask(enum.IntFlag):
    A = 1
    B = 2


@dataclass
class Order:
    id: int
    items: list[Any] = field(default_factory=list)
    client: Any = None


@dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.0


@dataclass(slots=True)
class Slotted:
    a: int
    b: Any = None


@dataclass(frozen=True, slots=True)
class FrozenSlotted:
    a: tuple[int, ...]


@dataclass
class Computed:
    a: int
    twice: int = field(init=False)
    unset: int = field(init=False)
    calls = 0

    def __post_init__(self) -> None:
        Computed.calls += 1
        self.twice = self.a * 2
        self.note = f"made of {self.a}"

    @cached_property
    def thrice(self) -> int:
        return self.a * 3


@dataclass
class Outer:
    @dataclass
    class Inner:
        v: int

    inner: Inner


@dataclass
class Box(Generic[T]):
    content: T


class Pair(NamedTuple):
    left: Any
    right: Any = 0


Old = namedtuple("Old", ["a", "b"])


class Model(BaseModel):
    id: int
    tags: set[str] = set()
    when: Any = None
    _secret: int = PrivateAttr(default=7)


class Loose(BaseModel, extra="allow"):
    a: int


class Frozen(BaseModel, frozen=True):
    a: tuple[int, ...]


class Nested(BaseModel):
    model: Model
    order: Order


class Generic1(BaseModel, Generic[T]):
    value: T


class Root(RootModel[list[int]]):
    pass


@pydantic_dataclass
class Checked:
    a: int


class Plain:
    """A class the codec does not know."""

    def __init__(self, v: int) -> None:
        self.v = v

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and other.v == self.v

    def __hash__(self) -> int:
        return self.v


class ShopError(Exception):
    def __init__(self, order: int, reason: str) -> None:
        super().__init__(f"order {order}: {reason}")
        self.order = order
        self.reason = reason


class Evil(Exception):
    """Its constructor must never run when a record is read."""

    made = 0

    def __new__(cls, *args: Any) -> Evil:
        cls.made += 1
        return super().__new__(cls, *args)


class SubList(list):  # type: ignore[type-arg]
    pass


class SubDict(dict):  # type: ignore[type-arg]
    pass


class SubInt(int):
    pass


class SubStr(str):
    pass
