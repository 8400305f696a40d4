"""A recorded call that may call models in turn: what they cost is kept with its outcome."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from omium import codec
from omium.crewai import _order, _usage
from omium.crewai._call import Call, Kept

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from omium import _omium
    from omium.runtime._context import Frame
    from omium.runtime._place import Place

__all__ = ["Nested"]


class Nested(Call):
    """A task, a tool, a memory: answered from the record, it leaves behind what its run did.

    The tokens that went into it, what its models streamed, the results that CrewAI cached.
    """

    def __init__(self, kind: _omium.Kind, name: str, inputs: Mapping[str, Any]) -> None:
        super().__init__(kind, name, inputs)
        self._tally = _usage.Tally()

    def run(self, frame: Frame, body: Callable[[], Any]) -> Any:
        with self._inside():
            return super().run(frame, body)

    async def arun(self, frame: Frame, body: Callable[[], Awaitable[Any]]) -> Any:
        with self._inside():
            return await super().arun(frame, body)

    @contextmanager
    def _inside(self) -> Iterator[None]:
        tally, order = _usage.tally.set(self._tally), _order.current.set(_order.Order())
        try:
            yield
        finally:
            _usage.tally.reset(tally)
            _order.current.reset(order)

    def spent(self, value: Any, blob: codec.Blob) -> Kept:
        """The value with the remark of what it cost, where it cost anything."""
        tally = self._tally
        if not (tally.spent or tally.cached):
            return Kept(value, blob)
        told = {"usage": tally.spent, "streamed": tally.streamed, "cached": tally.cached}
        return Kept(value, blob, meta=codec.dumps(told))

    def keep(self, place: Place, value: Any) -> Kept:
        blob, kept = place.hold(value)
        return self.spent(kept, blob)

    def answer(self, place: Place, entry: _omium.Entry) -> Any:
        if entry.meta is not None:
            meta = codec.loads(entry.meta.codec, entry.meta.read())
            self._tally.restore(place.run, meta.get("usage", {}))
            self.shown(meta.get("streamed", ()))
            self._tally.refill(meta.get("cached", ()))
        return place.answer(entry)

    def shown(self, texts: list[str]) -> None:
        """What the models inside streamed then."""
