"""Encodes a growing list of messages without encoding again the ones that were there before."""

from __future__ import annotations

from collections import OrderedDict
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any, NamedTuple

import ormsgpack
from langchain_core import messages
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

if TYPE_CHECKING:
    from collections.abc import Iterator

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
SLICE = 64
"""Messages proved at once: few calls, and buffers that stay in the processor's cache."""

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
    proofs: list[bytes]
    """The fields of every SLICE messages as msgpack.

    A message of plain data is saved as a function of its class and its fields, so equal proofs of the
    same objects mean equal encodings, whatever was changed in place between.
    """
    data: bytes

    def begins(self, later: Encoded) -> bool:
        """Whether `later`, not encoded yet, goes on where this list ends, its messages unchanged."""
        count = len(self.elements)
        whole, part = divmod(count, SLICE)
        if count > len(later.elements) or not all(map(is_, self.elements, later.elements)):
            return False
        if not all(map(is_, self.kinds, later.kinds)) or self.proofs[:whole] != later.proofs[:whole]:
            return False
        if not part:
            return True
        longer = min(len(later.elements) - whole * SLICE, SLICE)
        begun = memoryview(self.proofs[whole])[_header_size(part) :]
        return later.proofs[whole].startswith(begun, _header_size(longer))

    @property
    def size(self) -> int:
        return len(self.data) + sum(map(len, self.proofs))


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
            proofs = [*_proofs(elements)]
        except TypeError:
            return None
        encoded = Encoded(elements, kinds, proofs, b"")
        known = self._known.get(where)
        if known is not None and known.begins(encoded):
            data = _extended(serde, known, elements)
        else:
            _, data = serde.dumps_typed(elements)
        self._remember(where, encoded._replace(data=data))
        return data

    def _remember(self, where: tuple[str, str, str], encoded: Encoded) -> None:
        self._known.pop(where, None)
        self._known[where] = encoded
        # A copy: another thread may add or remove meanwhile, which makes the sum a little wrong.
        size = sum(kept.size for kept in self._known.copy().values())
        while size > LIMIT_BYTES and self._known:
            _, oldest = self._known.popitem(last=False)
            size -= oldest.size


def _proofs(elements: list[Any]) -> Iterator[bytes]:
    """Raises TypeError when a message holds more than plain data."""
    for at in range(0, len(elements), SLICE):
        yield ormsgpack.packb([*map(_fields, elements[at : at + SLICE])], option=_PLAIN)


def _extended(serde: SerializerProtocol, known: Encoded, elements: list[Any]) -> bytes:
    """The encoding of `elements`, of which `known` is the beginning."""
    done = len(known.elements)
    _, rest = serde.dumps_typed(elements[done:])
    begun = memoryview(known.data)[_header_size(done) :]
    added = memoryview(rest)[_header_size(len(elements) - done) :]
    return b"".join((_header(len(elements)), begun, added))


def _header_size(count: int) -> int:
    return len(_header(count))


def _header(count: int) -> bytes:
    """How msgpack begins an array."""
    if count < 1 << 4:
        return bytes((0x90 | count,))
    if count < 1 << 16:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")
