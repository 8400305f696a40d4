"""Finds the part of a value that a serializer refuses, to name it in the error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from omium.exceptions import NotSerializable

if TYPE_CHECKING:
    from langgraph.checkpoint.serde.base import SerializerProtocol

DEEPEST = 64


def refusal(serde: SerializerProtocol, value: Any, what: str, error: TypeError) -> NotSerializable:
    """The error to raise: `what` is where the value stood in the checkpoint."""
    path, part = what, value
    for _ in range(DEEPEST):
        step, inner = next((found for found in _parts(part) if _refuses(serde, found[1])), ("", None))
        if not step:
            break
        path, part = path + step, inner
    kind = type(part).__qualname__
    return NotSerializable(
        f"{path} is a {kind}, which LangGraph's serializer cannot save ({error}); "
        "keep plain data in the state, or give the Saver a serde that can",
        path=path,
        type=kind,
    )


def _refuses(serde: SerializerProtocol, value: Any) -> bool:
    try:
        serde.dumps_typed(value)
    except TypeError:
        return True
    return False


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, (Sequence, AbstractSet)) and not isinstance(value, (str, bytes, bytearray)):
        yield from ((f"[{index}]", part) for index, part in enumerate(value))
    else:
        yield from ((f".{name}", part) for name, part in getattr(value, "__dict__", {}).items())
