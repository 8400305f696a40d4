"""A recorded call that may call models in turn: what they cost is kept with its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium import codec
from omium.crewai import _usage
from omium.crewai._call import Call, Kept

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from omium import _omium
    from omium._context import Frame
    from omium._place import Place

__all__ = ["Nested"]


class Nested(Call):
    """A task, a tool, a memory: answered from the record, it counts the tokens that went into it."""

    def __init__(self, kind: _omium.Kind, name: str, inputs: Mapping[str, Any]) -> None:
        super().__init__(kind, name, inputs)
        self._tally = _usage.Tally()

    def run(self, frame: Frame, body: Callable[[], Any]) -> Any:
        token = _usage.tally.set(self._tally)
        try:
            return super().run(frame, body)
        finally:
            _usage.tally.reset(token)

    async def arun(self, frame: Frame, body: Callable[[], Awaitable[Any]]) -> Any:
        token = _usage.tally.set(self._tally)
        try:
            return await super().arun(frame, body)
        finally:
            _usage.tally.reset(token)

    def spent(self, value: Any, blob: codec.Blob) -> Kept:
        """The value with the remark of what it cost, where it cost anything."""
        tally = self._tally
        if not tally.spent:
            return Kept(value, blob)
        return Kept(value, blob, meta=codec.dumps({"usage": tally.spent, "streamed": tally.streamed}))

    def keep(self, place: Place, value: Any) -> Kept:
        return self.spent(value, place.encode(value))

    def answer(self, place: Place, entry: _omium.Entry) -> Any:
        if entry.meta is not None:
            meta = codec.loads(entry.meta.codec, entry.meta.read())
            self._tally.restore(place.run, meta.get("usage", {}))
            self.shown(meta.get("streamed", ()))
        return place.answer(entry)

    def shown(self, texts: list[str]) -> None:
        """What the models inside streamed then."""
