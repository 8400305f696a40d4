"""Says what to do about a value that cannot be recorded."""

from __future__ import annotations

from omium.exceptions import NotSerializable

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
