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

__all__ = ["identified"]


def identified(run: LiveRun, kind: Kind, scope: str, name: str, inputs: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """What a call is known by, and the digest of that. Raises InvalidInput where another call could be meant."""
    data, untold = codec.inputs(inputs, name)
    digest = _omium.digest(data)
    if untold:
        _refuse_another(run, name, (kind, scope, name, digest), untold)
    return data, digest


def _refuse_another(run: LiveRun, call: str, address: tuple[Any, ...], untold: Sequence[Any]) -> None:
    """Refuses a call whose address was asked for with other objects that live, where the address does not tell them."""
    known = run.alike.setdefault(address, [])
    for index, value in enumerate(untold):
        if index == len(known):
            known.append(_reference(value))
            continue
        before = known[index]()
        if before is None:
            known[index] = _reference(value)
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
