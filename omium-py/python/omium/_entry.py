"""One entry of an execution's log, as the user sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium import _omium, codec

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Entry"]


class Entry:
    """An immutable record. Values are read and decoded when they are asked for."""

    __slots__ = ("_allow_pickle", "_native")

    def __init__(self, native: _omium.Entry, *, allow_pickle: bool = False) -> None:
        self._native = native
        self._allow_pickle = allow_pickle

    @property
    def execution(self) -> str:
        return self._native.execution

    @property
    def seq(self) -> int:
        return self._native.seq

    @property
    def name(self) -> str:
        return self._native.name

    @property
    def kind(self) -> _omium.Kind:
        return self._native.kind

    @property
    def scope(self) -> str:
        """The enclosing steps; empty at the top."""
        return self._native.scope

    @property
    def status(self) -> str:
        """`done`, `failed`, or `intent` for an effect without its receipt."""
        return self._native.status

    @property
    def created(self) -> datetime:
        """In UTC."""
        from datetime import datetime, timezone

        return datetime.fromtimestamp(self._native.created_ms / 1000, timezone.utc)

    @property
    def duration_ms(self) -> int:
        return self._native.duration_ms

    @property
    def attempts(self) -> int:
        return self._native.attempts

    @property
    def size_bytes(self) -> int:
        return self._native.size_bytes

    @property
    def usage(self) -> dict[str, int]:
        """Counters such as input_tokens, output_tokens, cost_nano_usd."""
        return self._native.usage

    @property
    def error(self) -> str | None:
        return self._native.error

    @property
    def value(self) -> Any:
        """The recorded result; the exception of a failed entry."""
        return load(self._native.value, allow_pickle=self._allow_pickle)

    def __repr__(self) -> str:
        return f"<Entry {self.execution}@{self.seq} {self.kind} {self.name} {self.status}>"


def load(value: _omium.Value | None, *, allow_pickle: bool) -> Any:
    return None if value is None else codec.loads(value.codec, value.read(), allow_pickle=allow_pickle)
