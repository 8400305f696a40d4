"""What a failure carried and no record can hold: in its place stands something that says so when it is used."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NoReturn

from omium import _redact
from omium.codec import codes
from omium.codec._refs import qualified
from omium.exceptions import NotSerializable

__all__ = ["Kept", "Lost", "Named", "reduce", "reduce_named", "revive", "stand_in"]

_TEXT_CHARS_MAX = 2_000
_NAMES_MAX = 200


class Lost:
    """Stands for one live object. Its texts are those the object had; whatever else it had is refused.

    Each has a class of its own with the name of the object's, so that messages that name it stay the same.
    """

    __slots__ = ("__lost__",)

    def __init__(self, payload: list[Any]) -> None:
        object.__setattr__(self, "__lost__", payload)

    def __str__(self) -> str:
        return str(self.__lost__[2])

    def __repr__(self) -> str:
        return str(self.__lost__[3])

    def __bool__(self) -> bool:
        return self.__lost__[4] is True or _refuse(self)

    def __getattr__(self, name: str) -> Any:
        names = self.__lost__[5]
        # What protocols look for is not what a program reads, and what the object never had it has not lost.
        if (name.startswith("__") and name.endswith("__")) or (names is not None and name not in names):
            raise AttributeError(name)
        _refuse(self, f".{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        _refuse(self, f".{name}")

    def __getitem__(self, key: Any) -> Any:
        _refuse(self, f"[{key!r}]")

    def __call__(self, *_: Any, **__: Any) -> Any:
        _refuse(self, "()")

    def __iter__(self) -> Any:
        _refuse(self)

    def __len__(self) -> int:
        return _refuse(self)

    def __contains__(self, item: Any) -> bool:
        _refuse(self)

    def __await__(self) -> Any:
        _refuse(self)

    def __enter__(self) -> Any:
        _refuse(self)

    def __exit__(self, *_: object) -> Any:
        _refuse(self)

    async def __aenter__(self) -> Any:
        _refuse(self)

    async def __aexit__(self, *_: object) -> Any:
        _refuse(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return revive, (self.__lost__,)


class Kept:
    """What is recorded of a live object, on its way into the record."""

    __slots__ = ("payload",)

    def __init__(self, value: Any, name: str = "", why: str = "") -> None:
        cls = type(value)
        self.payload: list[Any]
        if issubclass(cls, Lost):
            self.payload = value.__lost__
            return
        plain = not any(hasattr(cls, each) for each in ("__bool__", "__len__"))
        texts = [_redact.text(_said(each, value)[:_TEXT_CHARS_MAX]) for each in (str, repr)]
        own = _ref(value)
        self.payload = [qualified(cls), name, *texts, plain or None, _names(value), why]
        if own != self.payload[0]:
            self.payload.append(own)

    @classmethod
    def blank(cls, value: Any, name: str) -> Kept:
        """No more than its type, of what may be anything of the program's."""
        kept: Kept = object.__new__(cls)
        ref = value.__lost__[0] if issubclass(type(value), Lost) else qualified(type(value))
        shown = f"<{ref.rpartition(':')[2]}>"
        kept.payload = [ref, name, shown, shown, None, None, ""]
        return kept


class Named:
    """The same in an input: no more than its type, for its texts may say where in memory it lay."""

    __slots__ = ("ref",)

    def __init__(self, value: Any, *_: str) -> None:
        self.ref = _ref(value)


def reduce(kept: Kept) -> tuple[int, Any]:
    return codes.LOST, kept.payload


def reduce_named(named: Named) -> tuple[int, Any]:
    return codes.OPAQUE, named.ref


def revive(payload: Any) -> Lost:
    """The stand-in again."""
    name, where, as_text, shown, plain, names, why, *own = payload
    return _class(str(name))([name, where, as_text, shown, plain, names, why, *own])


def stand_in(name: str, where: str, why: str = "") -> Lost:
    """A stand-in for what was never looked at; its truth is unknown."""
    shown = f"<{name.rpartition(':')[2]}>"
    return revive([name, where, shown, shown, None, None, why])


def _ref(value: Any) -> str:
    """As an input has what it cannot encode: a class or function by its own name, anything else by its type."""
    if issubclass(type(value), Lost):
        return str(value.__lost__[7] if len(value.__lost__) > 7 else value.__lost__[0])
    try:
        own = isinstance(getattr(value, "__qualname__", None), str)
        return qualified(value if own else type(value))
    except Exception:  # noqa: BLE001  # It is the user's code.
        return qualified(type(value))


def _names(value: Any) -> list[str] | None:
    """What a program can ask of it; None when that is too much to list, or made up when it is asked."""
    try:
        if hasattr(type(value), "__getattr__"):
            return None
        known = [*dir(type(value)), *getattr(value, "__dict__", ())]
    except Exception:  # noqa: BLE001  # As above.
        return None
    names = {name for name in known if not name.startswith("_")}
    return sorted(names) if len(names) <= _NAMES_MAX else None


@lru_cache(256)
def _class(name: str) -> type[Lost]:
    module, _, qualname = name.partition(":")
    names: dict[str, Any] = {"__slots__": (), "__module__": module, "__qualname__": qualname}
    if name in ("builtins:bytes", "builtins:str"):
        # Whoever takes it for data asks for its class first.
        names["__class__"] = property(_refuse)
    return type(qualname.rpartition(".")[2] or qualname, (Lost,), names)


def _said(how: Any, value: Any) -> str:
    try:
        return str(how(value)).encode("utf-8", "backslashreplace").decode()
    except Exception as broken:  # noqa: BLE001  # It is the user's code, and its failure is said.
        return f"<its text could not be made: {type(broken).__name__}>"


def _refuse(lost: Lost, part: str = "") -> NoReturn:
    name, where, why = (lost.__lost__[at] for at in (0, 1, 6))
    what = f"{where}{part}" if where else f"a part of it{part}"
    raise NotSerializable(
        f"{what} of a recorded failure cannot be read: {where or 'it'} was a {name.replace(':', '.')}, which is not on "
        f"record{f', {why}' if why else ''}. Read it inside the step or effect that failed, and raise an error that "
        "carries what is needed as plain data",
        path=where or None,
        type=name,
    )
