"""Live objects that look the same without being the same: within one run no two of them make one call."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from omium import _omium, codec
from omium.codec import TELL_APART
from omium.exceptions import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from omium._omium import Kind
    from omium.runtime._live import LiveRun

__all__ = ["handles", "identified"]

handles: list[Callable[[Any], Any]] = []
"""Of frameworks that were imported: what counts of an object they hand to a program's code, and any other as it is."""


def _meant(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The inputs; of what frameworks hand to code, and is new in every run, what is the program's own."""
    for handle in handles:
        inputs = {name: handle(value) for name, value in inputs.items()}
    return inputs


def identified(
    run: LiveRun, kind: Kind, scope: str, name: str, inputs: Mapping[str, Any]
) -> tuple[Mapping[str, Any], bytes, bytes]:
    """The inputs that count, what a call is known by, and the digest of that.

    Raises InvalidInput where another call could be meant.
    """
    inputs = _meant(inputs)
    data, untold = codec.inputs(inputs, name)
    digest = _omium.digest(data)
    if untold:
        _refuse_another(run, name, (kind, scope, name, digest), untold)
    return inputs, data, digest


def _refuse_another(run: LiveRun, call: str, address: tuple[Any, ...], untold: Sequence[Any]) -> None:
    """Refuses a call whose address was asked for with other objects that live, where the address does not tell them."""
    for index, value in enumerate(untold):
        # One look at it, for threads come here beside each other.
        at, reference = (*address, index), _reference(value)
        before = run.alike.setdefault(at, reference)()
        if before is None:
            run.alike[at] = reference
        elif before is not value:
            kind = f"{type(value).__module__}.{type(value).__qualname__}"
            raise InvalidInput(
                f"{call} was not called: another {kind} that looks the same was an argument of it before, and a resume "
                f"could not tell the two calls apart. {TELL_APART}"
            )


def _reference(value: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: value
