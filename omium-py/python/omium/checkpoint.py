"""`@omium.checkpoint(name)` and `with omium.Checkpoint(name)`: familiar names of a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from omium import codec
from omium.exceptions import InvalidInput
from omium.runtime import _context
from omium.runtime._place import Place
from omium.runtime._worker import off_loop
from omium.step import Codec, step

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from omium import retry
    from omium.checks import Condition
    from omium.recovery import Recovery
    from omium.runtime._arguments import Key
    from omium.runtime._context import Frame

__all__ = ["Checkpoint", "checkpoint"]

F = TypeVar("F", bound=Callable[..., Any])


def checkpoint(
    name: str,
    /,
    *,
    key: Key | None = None,
    retries: int | retry.Retry = 0,
    timeout: float | None = None,
    preconditions: Sequence[Condition] = (),
    postconditions: Sequence[Condition] = (),
    recovery: Recovery | Sequence[str] | None = None,
    codec: Codec | None = None,
) -> Callable[[F], F]:
    """`@omium.step` with the name first: `@omium.checkpoint("plan")`."""
    if not isinstance(name, str):
        hint = "@omium.checkpoint('plan') goes around a function, and run.checkpoint({...}) records a state"
        raise InvalidInput(f"omium.checkpoint takes a name, not {name!r}: {hint}")
    return step(
        name=name,
        key=key,
        retries=retries,
        timeout=timeout,
        preconditions=preconditions,
        postconditions=postconditions,
        recovery=recovery,
        codec=codec,
    )


class Checkpoint:
    """A block of code that leaves a checkpoint when it ends, and gives its steps a scope.

    Python always runs the body of a `with` block, so what must not run again belongs into steps inside
    it, or behind `if not block.recorded`. What is assigned to `value` is recorded, and is there again
    on a resume. Outside an execution the block is just a block.
    """

    def __init__(self, name: str, /) -> None:
        self.name = name
        self.value: Any = None
        self.recorded = False
        self._place: Place | None = None
        self._outer: Frame | None = None

    def __enter__(self) -> Self:
        place = self._claim()
        if place is not None and place.recorded is not None:
            self.value = place.answer(place.recorded)
        return self._inside(place)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        place = self._outside()
        if place is None:
            return
        try:
            if error is None:
                blob, self.value = place.hold(self.value)
                place.arrive(place.commit(blob))
            elif isinstance(error, Exception) and not place.aborts(error):
                place.arrive(place.fail(error, codec.dumps_failure(error)))
        finally:
            place.leave()

    async def __aenter__(self) -> Self:
        place = self._claim()
        if place is not None and place.recorded is not None:
            self.value = await place.aanswer(place.recorded)
        return self._inside(place)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        place = self._outside()
        if place is None:
            return
        try:
            if error is None:
                blob, self.value = place.hold(self.value)
                place.arrive(await off_loop(place.commit, blob))
            elif isinstance(error, Exception) and not place.aborts(error):
                place.arrive(await off_loop(place.fail, error, codec.dumps_failure(error)))
        finally:
            place.leave()

    def _claim(self) -> Place | None:
        self._outer = _context.frame()
        if self._outer is None:
            return None
        place = Place(self._outer, "step", self.name, {})
        if place.recorded is not None:
            # A recorded failure is raised on entering: the strand must have passed it by then.
            place.arrive(place.recorded.seq)
            self.recorded = True
        return place

    def _inside(self, place: Place | None) -> Self:
        self._place = place
        if place is not None:
            _context.current.set(place.inside())
        return self

    def _outside(self) -> Place | None:
        """The place to commit, if any; the frame around the block is current again."""
        place, self._place = self._place, None
        if place is None:
            return None
        _context.current.set(self._outer)
        if place.recorded is None:
            return place
        place.arrive(place.recorded.seq)
        return None
