"""The place of a call of an effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.effects import _intent
from omium.runtime._place import Place

if TYPE_CHECKING:
    from omium import _omium
    from omium.effects._acting import Effect
    from omium.runtime._context import Frame

__all__ = ["Called"]


class Called(Place):
    """The claim of an effect, found by the arguments that count."""

    __slots__ = ("_effect",)

    def __init__(self, frame: Frame, effect: Effect, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._effect = effect
        inputs = effect.parameters.inputs(args, kwargs)
        super().__init__(frame, "effect", effect.name, inputs, effect.policy.codec, effect.code)

    def _told_apart_by(self, entry: _omium.Entry, argument: str) -> bool:
        # An intent keeps every argument, for probe and undo.
        if entry.status != "intent":
            return True
        return self._effect.parameters.counts(argument) and argument not in _intent.read(entry).defaults
