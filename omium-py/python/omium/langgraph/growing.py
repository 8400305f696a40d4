"""Encodes a growing list of messages without encoding again the ones that were there before."""

from __future__ import annotations

from collections import OrderedDict
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any, NamedTuple

import ormsgpack
from langchain_core import messages
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

if TYPE_CHECKING:
    from langgraph.checkpoint.serde.base import SerializerProtocol

# Exactly these classes: a subclass may compute what it is saved as.
KINDS = frozenset(
    (
        messages.AIMessage,
        messages.AIMessageChunk,
        messages.ChatMessage,
        messages.FunctionMessage,
        messages.HumanMessage,
        messages.SystemMessage,
        messages.ToolMessage,
    )
)
WORTHWHILE = 8
"""Elements from which on the bookkeeping costs less than it saves."""
LIMIT_BYTES = 32 << 20

# As LangGraph packs, less its hook: whatever is not plain data in a message raises TypeError here.
_PLAIN = (
    ormsgpack.OPT_NON_STR_KEYS
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_fields = attrgetter("__dict__")
_extra = attrgetter("__pydantic_extra__")


class Encoded(NamedTuple):
    """A list as it was last encoded. The messages are held, so that their identity stays theirs."""

    elements: list[Any]
    kinds: list[type]
    proof: bytes
    """Every message's fields as msgpack. A message of plain data is saved as a function of its class
    and its fields, so equal proofs of the same objects mean equal encodings, whatever was changed in
    place between."""
    data: bytes

    def begins(self, later: list[Any], kinds: list[type], proof: bytes) -> bool:
        """Whether `later` goes on where this list ends, its messages unchanged."""
        count = len(self.elements)
        return (
            count <= len(later)
            and all(map(is_, self.elements, later))
            and all(map(is_, self.kinds, kinds))
            and proof.startswith(memoryview(self.proof)[_header_size(count) :], _header_size(len(later)))
        )


class GrowingLists:
    """The lists encoded last, by where they are kept; bounded, and without locks as Parents is."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str], Encoded] = OrderedDict()

    def dump(self, serde: SerializerProtocol, where: tuple[str, str, str], value: Any) -> bytes | None:
        """What `serde` makes of the value, or None when it is no list this can help with."""
        if type(value) is not list or len(value) < WORTHWHILE:
            return None
        if getattr(type(serde), "dumps_typed", None) is not JsonPlusSerializer.dumps_typed:
            return None
        elements = value.copy()
        kinds = [*map(type, elements)]
        if not KINDS.issuperset(kinds) or any(map(_extra, elements)):
            return None
        # Before the messages are encoded: one changed meanwhile fails its proof the next time.
        try:
            proof = ormsgpack.packb([*map(_fields, elements)], option=_PLAIN)
        except TypeError:
            return None
        known = self._known.get(where)
        if known is not None and known.begins(elements, kinds, proof):
            done = len(known.elements)
            _, rest = serde.dumps_typed(elements[done:])
            begun = memoryview(known.data)[_header_size(done) :]
            rest_body = memoryview(rest)[_header_size(len(elements) - done) :]
            data = b"".join((_header(len(elements)), begun, rest_body))
        else:
            _, data = serde.dumps_typed(elements)
        self._remember(where, Encoded(elements, kinds, proof, data))
        return data

    def _remember(self, where: tuple[str, str, str], encoded: Encoded) -> None:
        self._known.pop(where, None)
        self._known[where] = encoded
        # A copy: another thread may add or remove meanwhile, which makes the sum a little wrong.
        size = sum(len(kept.proof) + len(kept.data) for kept in self._known.copy().values())
        while size > LIMIT_BYTES and self._known:
            _, oldest = self._known.popitem(last=False)
            size -= len(oldest.proof) + len(oldest.data)


def _header_size(count: int) -> int:
    return len(_header(count))


def _header(count: int) -> bytes:
    """How msgpack begins an array."""
    if count < 1 << 4:
        return bytes((0x90 | count,))
    if count < 1 << 16:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")
