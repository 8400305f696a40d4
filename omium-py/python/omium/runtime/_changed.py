"""Arguments that a body changed in place: a resume is answered without it, and would go on with them as they were.

The digest that tells the call from others is made again after the body, of whatever counts for it.
"""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Literal

from omium import _redact, codec
from omium.exceptions import ArgumentsChanged, InvalidInput, PostconditionFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Reaction", "find", "is_told", "tell", "worth_a_look"]

Reaction = Literal["warn", "error", "ignore"]

_CONDITION = "arguments unchanged"
"""What the error says does not hold."""


def _unasked() -> Reaction:
    return "warn"


reaction: Callable[[], Reaction] = _unasked
"""Tells what is done about it in this process, as `omium.init` was asked."""

_LINES_MAX = 4
_NEVER = (type, FunctionType, ModuleType)


def worth_a_look(inputs: Mapping[str, Any]) -> bool:
    """Whether any of the arguments can change at all."""
    return reaction() != "ignore" and not all(
        isinstance(each, _NEVER) or codec.is_constant(each) for each in inputs.values()
    )


def find(call: str, before: bytes, inputs: Mapping[str, Any]) -> PostconditionFailed | None:
    """The failure of a call whose arguments are no longer what they were; None when they are."""
    try:
        after = codec.inputs(inputs, call).data
    except InvalidInput:
        # It could be told what they were, and now it cannot.
        after = codec.dumps_shown(inputs)
    if after == before:
        return None
    from omium.view import _differences
    from omium.view._inspect import plain

    old, new = plain("msgpack", before), plain("msgpack", after)
    names = [name for name in new if repr(old.get(name)) != repr(new[name])]
    lines = [_redact.text(line) for line in _differences.lines(("msgpack", before), ("msgpack", after))]
    shown = "".join(f"\n    {line}" for line in lines[:_LINES_MAX])
    what, they = ("arguments", "them") if len(names) > 1 else ("argument", "it")
    return PostconditionFailed(
        f"{call}: its {what} {', '.join(names)} changed in place while it ran. A resume is answered from the record "
        f"and does not change {they} again: return what is new instead, or change a copy{shown}",
        step=call,
        condition=_CONDITION,
        path=names[0] if names else None,
    )


def is_told(error: Exception) -> bool:
    """Whether that is what a failure is about."""
    return isinstance(error, PostconditionFailed) and error.condition == _CONDITION


def tell(found: PostconditionFailed) -> None:
    """Warns where the program made the call. Where warnings are errors, it fails."""
    from warnings import warn

    message = f"{found}\n    omium.init(changed_arguments=...) chooses what is done about it"
    try:
        warn(message, ArgumentsChanged, _levels())
    except ArgumentsChanged:
        raise found from None


def _levels() -> int:
    """How far up the stack the code is that is not omium's own."""
    frame, level = sys._getframe(1), 1  # noqa: SLF001  # There is no other way to where the call was made.
    while frame.f_back is not None and _is_own(str(frame.f_globals.get("__name__"))):
        frame, level = frame.f_back, level + 1
    return level


def _is_own(module: str) -> bool:
    return module.partition(".")[0] in ("omium", "threading", "asyncio", "concurrent", "contextlib")
