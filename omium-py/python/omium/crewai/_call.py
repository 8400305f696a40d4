"""One recorded call of CrewAI, plain and async.

    claim -> recorded? answer -> intent, where there is one -> body -> commit

Within a crew the order of calls proves nothing: tasks, tools and memories run in threads. They are found by
what they are given, in the scope of their task. The model calls of one agent are the exception (`_order.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from omium.crewai._escape import Seam, stops, unordered
from omium.exceptions import Divergence, NotSerializable
from omium.runtime import _timeout
from omium.runtime._place import Place
from omium.runtime._worker import off_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from omium import _omium, codec
    from omium.runtime._context import Frame

__all__ = ["Call", "Kept"]


class Kept(NamedTuple):
    """What is recorded of a value, and the value as the caller gets it.

    That is the record, decoded, as on a resume; but of what CrewAI itself goes on working with, its own object.
    """

    value: Any
    blob: codec.Blob
    usage: Mapping[str, int] | None = None
    meta: codec.Blob | None = None


class Call:
    """A kind of call; subclasses say what identifies it and how its value is kept."""

    def __init__(self, kind: _omium.Kind, name: str, inputs: Mapping[str, Any]) -> None:
        self.kind = kind
        self.name = name
        self.inputs = inputs

    def claim(self, frame: Frame) -> Place:
        """Its place in the record."""
        return Place(unordered(frame), self.kind, self.name, self.inputs)

    def arrive(self, place: Place, seq: int) -> None:
        """Moves whoever called to the entry that answers."""
        place.arrive(seq)

    def wait(self, place: Place) -> None:
        """Until the body may begin."""

    async def await_(self, place: Place) -> None:
        """`wait` for async code."""

    def begin(self, place: Place) -> None:
        """Just before the body; the place for an intent. May block on the disk."""

    def keep(self, place: Place, value: Any) -> Kept:
        blob, kept = place.hold(value)
        return Kept(kept, blob)

    def answer(self, place: Place, entry: _omium.Entry) -> Any:
        return place.answer(entry)

    def failed(self, place: Place, error: Exception) -> None:
        """What is recorded when the body raised: nothing, so that it is tried again. May block on the disk."""

    def run(self, frame: Frame, body: Callable[[], Any]) -> Any:
        with Seam(frame):
            place = self._claim(frame)
            try:
                if (entry := place.recorded) is not None:
                    self.arrive(place, entry.seq)
                    return self.answer(place, entry)
                self.wait(place)
                self.begin(place)
                try:
                    value = _timeout.run(place.inside(), body, None)
                except Exception as error:
                    if not stops(place.run, error):
                        self._note(place, error)
                    raise
                kept = self._kept(place, value)
                self.arrive(place, self._commit(place, kept))
                return kept.value
            finally:
                place.leave()

    async def arun(self, frame: Frame, body: Callable[[], Awaitable[Any]]) -> Any:
        with Seam(frame):
            place = self._claim(frame)
            try:
                if (entry := place.recorded) is not None:
                    self.arrive(place, entry.seq)
                    return await off_loop(self.answer, place, entry)
                await self.await_(place)
                await off_loop(self.begin, place)
                try:
                    value = await _timeout.arun(place.inside(), body, None)
                except Exception as error:
                    if not stops(place.run, error):
                        await off_loop(self._note, place, error)
                    raise
                kept = self._kept(place, value)
                self.arrive(place, await off_loop(self._commit, place, kept))
                return kept.value
            finally:
                place.leave()

    def _claim(self, frame: Frame) -> Place:
        place = self.claim(frame)
        if place.intent is not None and frame.run.native.mode == "record":
            place.leave()
            error = Divergence(
                f"{self.name} began in execution {frame.run.native.id!r} and has no outcome on record",
                execution=frame.run.native.id,
                seq=place.intent.seq,
            )
            frame.run.abort(error)
            raise error
        return place

    def _kept(self, place: Place, value: Any) -> Kept:
        try:
            return self.keep(place, value)
        except NotSerializable as error:
            # Raised as it is, CrewAI would pay for the same call again and again.
            place.run.abort(error)
            raise

    def _commit(self, place: Place, kept: Kept) -> int:
        place.run.check()
        return place.commit(kept.blob, usage=kept.usage, meta=kept.meta)

    def _note(self, place: Place, error: Exception) -> None:
        if place.run.aborted is None:
            self.failed(place, error)
