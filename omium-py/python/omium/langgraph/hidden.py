"""Whether a serializer hides what it writes, as one that encrypts: then nothing may lie beside it in plain text."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn, get_args

from omium.exceptions import InvalidInput

if TYPE_CHECKING:
    from langgraph.checkpoint.serde.base import SerializerProtocol

__all__ = ["Hidden", "Recorded", "hides", "known"]

Recorded = Literal["plain", "off"]
"""What a Saver does about the steps, effects and model calls in its nodes."""

_PROBE_BYTES = 32


def known(nodes: Recorded | None) -> Recorded | None:
    """The argument, which is one of those there are."""
    if nodes is not None and nodes not in get_args(Recorded):
        raise InvalidInput(f'nodes must be "plain" or "off", not {nodes!r}')
    return nodes


def hides(serde: SerializerProtocol) -> bool:
    """Whether a text it writes cannot be found in its bytes. Compressing is taken for hiding, as it may be that."""
    text = os.urandom(_PROBE_BYTES).hex()
    return text.encode() not in bytes(serde.dumps_typed(text)[1])


class Hidden(NamedTuple):
    """A place in a node of a thread whose states are hidden."""

    thread: str
    serde: type

    def refuse(self) -> NoReturn:
        """Raises before anything is recorded there."""
        raise InvalidInput(
            f"the Saver's serde ({self.serde.__name__}) hides what thread {self.thread!r} keeps, and what nodes record "
            'of steps, effects and model calls would lie in the store in plain text: Saver(serde=..., nodes="plain") '
            'allows that, nodes="off" records nothing in nodes, and a node that runs again does all of it again'
        )
