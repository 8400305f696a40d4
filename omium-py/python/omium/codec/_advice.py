"""Says what to do about a value that cannot be recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.codec._refs import qualified
from omium.exceptions import InvalidInput, NotSerializable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_GENERAL = "return plain data, register it with omium.codec.register, or ask for codec='pickle'"
_BY_TYPE = {
    "memoryview": "take bytes(...) of it",
    "generator": "return a list of what it yields",
    "async_generator": "return a list of what it yields",
    "coroutine": "await it, or declare the function with async def",
    "ndarray": "arrays of Python objects are not covered: use another dtype, or a list",
    "defaultdict": "its factory must be a built-in type such as list or int, or take dict(...) of it",
}


def explained(error: NotSerializable | RecursionError) -> NotSerializable:
    """The same failure with a message for the reader."""
    if not isinstance(error, NotSerializable) or error.type is None:
        where = getattr(error, "path", None)
        at = f" at {where}" if where else ""
        return NotSerializable(
            f"the value{at} is nested too deeply or contains itself: "
            "record it as a flat list of parts that refer to each other by key",
            path=where,
        )
    name = error.type.replace(":", ".").rpartition(".")[2]
    advice = _BY_TYPE.get(name, _GENERAL)
    if "<locals>" in error.type:
        advice = "move its class to the top level of a module, where a resume can find it"
    return NotSerializable(
        f"cannot record the value at {error.path}, a {error.type}: {advice}",
        path=error.path,
        type=error.type,
    )


def indistinct(
    error: Exception,
    call: str,
    arguments: Mapping[str, Any],
    trouble: Callable[[Any], Exception | None],
) -> InvalidInput:
    """Why a call is refused before it runs: one of its arguments could be another and nobody would know."""
    path, kind = getattr(error, "path", None), getattr(error, "type", None)
    why = "cannot be recorded, and nothing in it that may be looked at tells it from another one"
    if path is None or kind is None:
        path = next((name for name, item in arguments.items() if trouble(item) is not None), "")
        kind, why = qualified(type(arguments.get(path))), "contains itself or is made of too much to be looked at"
    where = path.removeprefix("$").removeprefix(".")
    shown = str(kind).replace(":", ".").removeprefix("builtins.")
    return InvalidInput(f"{call} was not called: its argument {where}, a {shown}, {why}. {TELL_APART}")


TELL_APART = (
    "Say what tells its calls apart: the names of other arguments by key=, a method __omium_key__ of the class, or "
    "omium.codec.register for the class"
)
