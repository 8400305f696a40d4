"""What an intent says about its effect, beside the arguments: enough to settle or undo it in another process."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from omium import _omium, codec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

__all__ = ["UNDO", "Note", "begun", "current_key", "is_undo", "key_of", "keyed", "random_key", "read"]

UNDO = "undo"
"""The scope compensations are recorded in."""


def is_undo(scope: str) -> bool:
    """Whether it is that scope, or one inside it."""
    return scope == UNDO or scope.startswith(f"{UNDO}/")


class Note(NamedTuple):
    """The meta of an intent."""

    key: str
    """The idempotency key."""
    execution: str
    """Whose effect it is: a fork carries the intents and receipts of its original along."""
    epoch: int
    source: str | None = None
    """Where the function is, as `module:name` or `file.py:name`."""
    probe: bool = False
    undo: bool = False
    lost: Mapping[str, str] = {}
    """Arguments that could not be recorded, with their types."""
    defaults: Sequence[str] = ()
    """Arguments that were what their parameters default to."""
    cleared: bool = False
    """It is known that the effect did not happen: it may begin anew."""
    language: str | None = None
    """Of the program that did it, where that is not Python: only such a program can undo it."""
    undoes: int | None = None
    """Of a compensation: the intent of the effect it undoes."""

    def blob(self) -> codec.Blob:
        plain = {name: value for name, value in self._asdict().items() if value != self._field_defaults.get(name)}
        return codec.dumps(plain)


def read(entry: _omium.Entry) -> Note:
    """The note of an intent."""
    if entry.meta is None:
        return Note("", entry.execution, 0)
    known: dict[str, Any] = codec.loads(entry.meta.codec, entry.meta.read())
    return Note(**{name: value for name, value in known.items() if name in Note._fields})


def begun(entries: Sequence[_omium.Entry], address: tuple[str, str, int], failed: int) -> Note:
    """The note of the intent after which the effect at that address failed at the seq `failed`."""
    at_address = (each for each in reversed(entries) if each.seq < failed and each.status == "intent")
    return next(read(each) for each in at_address if (each.scope, each.key, each.occurrence) == address)


def key_of(execution: str, epoch: int, address: tuple[str, str, int]) -> str:
    """The idempotency key: the same for one effect however often it is tried, never for another one.

    A rollback raises the epoch and a fork has an id of its own, so what runs after them gets new keys.
    """
    return _omium.digest(codec.dumps_inputs({"of": [execution, epoch, *address]})).hex()


def random_key() -> str:
    """For a call outside any execution."""
    return os.urandom(16).hex()


current_key: ContextVar[str | None] = ContextVar("omium_idempotency_key", default=None)


def keyed(key: str, function: Callable[[], Any]) -> Callable[[], Any]:
    """The function, plain or async, with that key for whoever asks for it inside."""

    def call() -> Any:
        token = current_key.set(key)
        try:
            value = function()
        finally:
            current_key.reset(token)
        return later(value) if hasattr(value, "__await__") else value

    async def later(value: Awaitable[Any]) -> Any:
        token = current_key.set(key)
        try:
            return await value
        finally:
            current_key.reset(token)

    return call
