"""The look of an object that the codec does not cover: what tells it from others, with no value in plain text.

It is made of the object's class and a digest of each of its fields, of whatever they hold in turn. What a field of
a library keeps to itself, what a secret's name stands before and what is written in C is not looked at: then the
look is not whole, and the live object is remembered instead. What tells nothing at all is refused.
"""

from __future__ import annotations

from functools import lru_cache
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakSet

from omium import _omium
from omium.codec import _engine, _failures, _parts, codes
from omium.codec._refs import qualified
from omium.exceptions import NotSerializable

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HOOK", "Inputs", "Looks", "uncovered"]

HOOK = "__omium_key__"
"""The method by which a class says what tells its objects apart."""

_DEEP_MAX = 64
_LOOKS_MAX = 100_000
_LIBRARY_DEEP_MAX = 3
"""How far libraries are followed into each other: the further, the more of it changes while it is used."""
_BYTES = 8
_OBJECTS = (codes.DATACLASS, codes.NAMEDTUPLE, codes.PYDANTIC, codes.USER)
"""What the codec covers in whole or not at all: one with a live object in it is looked at."""
_NEVER = 1 << 30


_uncovered: WeakSet[Any] = WeakSet()
"""Classes whose objects were looked at, so that nobody tries to encode them again."""


def uncovered(values: Iterable[Any]) -> bool:
    """Whether one of the values is known to need a look."""
    return any(type(value) in _uncovered for value in values)


@lru_cache(maxsize=4096)
def _hook(cls: Any) -> Any:
    return getattr(cls, HOOK, None)


class Inputs(_engine.Reduce):
    """Reduces arguments: as values, but for failures, and for objects that say themselves what tells them apart."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(canonical=True)

    def __call__(self, value: Any) -> tuple[int, Any] | None:
        told = _failures.told(value, _engine.encodable)
        if told is not None:
            return super().__call__(told)
        cls: Any = type(value)
        hook = _hook(cls)
        if hook is not None:
            return codes.KEYED, [qualified(cls), hook(value)]
        reduced = super().__call__(value)
        if reduced is not None and reduced[0] == codes.PYDANTIC:
            # Which of its fields were set, and which left to their defaults, makes it no other: a host framework that
            # reads a message from its own store sets them all.
            header = reduced[1][""]
            reduced[1][""] = [header[0], None, *header[2:]]
        return reduced


class Look(NamedTuple):
    """What is recorded of one object, and what it is worth."""

    reduced: tuple[int, Any]
    whole: bool
    """Whether everything of the object is told."""
    tells: bool
    """Whether anything but its class is."""


class Looks(Inputs):
    """Reduces arguments of which some are not covered, and gives their looks.

    With `lenient` what tells nothing counts by its class. One instance serves one call of encode.
    """

    __slots__ = ("_around", "_known", "_library", "_reached", "gaps", "lenient", "untold")

    def __init__(self, *, lenient: bool = False) -> None:
        super().__init__()
        self.lenient = lenient
        self.untold: list[Any] = []
        """The live objects whose looks are not whole, in the order they were met."""
        self.gaps = 0
        self._around: dict[int, int] = {}
        """The objects that are being looked at, the outermost first, and how far inside they are."""
        self._known: dict[int, tuple[Any, Look]] = {}
        self._library = 0
        self._reached = _NEVER
        """How far out the present look refers to what is around it."""

    def __call__(self, value: Any) -> tuple[int, Any] | None:
        cls: Any = type(value)
        if cls not in _uncovered or cls in _engine.reducers or _failures.told(value, _engine.encodable) is not None:
            reduced = super().__call__(value)
            if reduced is not None and (reduced[0] not in _OBJECTS or _is_covered(value)):
                return reduced
            if reduced is None:
                _uncovered.add(cls)
        look = self._look(value)
        if look.whole or look.tells or self.lenient or self._around:
            return look.reduced
        return None

    def _look(self, value: Any) -> Look:
        address = id(value)
        if address in self._around:
            level = self._around[address]
            self._reached = min(self._reached, level)
            return Look((codes.LOOK, [qualified(type(value)), len(self._around) - level]), whole=True, tells=True)
        known = self._known.get(address)
        if known is not None:
            self.gaps += not known[1].whole
            return known[1]
        if len(self._around) >= _DEEP_MAX:
            raise NotSerializable(f"objects lie within objects more than {_DEEP_MAX} deep")
        if len(self._known) >= _LOOKS_MAX:
            raise NotSerializable(f"it is made of more than {_LOOKS_MAX} objects")
        level = self._around[address] = len(self._around)
        outer, self._reached = self._reached, _NEVER
        gaps = self.gaps
        try:
            look = self._made(value, gaps)
        finally:
            del self._around[address]
        if self._reached >= level:
            # It says the same wherever it stands. The object is kept with it: its address is not given away.
            self._known[address] = value, look
            self._reached = _NEVER
        self._reached = min(self._reached, outer)
        return look

    def _made(self, value: Any, gaps: int) -> Look:
        name = _name(value)
        parts = _parts.of(value, deep=self._library >= _LIBRARY_DEEP_MAX)
        self._library += parts.library
        try:
            told = {field: self._told(item) for field, item in parts.fields.items()}
        finally:
            self._library -= parts.library
        if parts.hidden:
            self._miss(value)
        whole = self.gaps == gaps
        telling = [field for field, (_, tells) in told.items() if tells]
        tells = bool(telling) and parts.needs in (None, *telling)
        if not told or not (whole or tells):
            return Look((codes.OPAQUE, name), whole, tells or parts.accepted)
        return Look((codes.LOOK, [name, {field: digest for field, (digest, _) in told.items()}]), whole, tells)

    def _told(self, field: Any) -> tuple[str, bool]:
        """The digest of a field, and whether it tells anything."""
        try:
            data = _omium.encode(field, self, canonical=True)
        except NotSerializable as error:
            if error.path is None:
                raise
            # It contains itself, or lists lie in it too deep.
            self._miss(field)
            return "", False
        known = self._known.get(id(field))
        tells = known is None or known[1].whole or known[1].tells
        return _omium.digest(data).hex()[: 2 * _BYTES], tells

    def _miss(self, value: Any) -> None:
        """There is more to it than is told."""
        self.gaps += 1
        self.untold.append(value)


def _is_covered(value: Any) -> bool:
    try:
        _omium.encode(value, Inputs(), canonical=True)
    except (NotSerializable, RecursionError):
        return False
    return True


def _name(value: Any) -> str:
    """The ref of a class, function or module itself, and of the type of anything else."""
    if isinstance(value, ModuleType):
        return value.__name__
    own = isinstance(value, (type, FunctionType)) or _parts.is_named(value)
    return qualified(value if own else type(value))
