"""Bugs that a campaign must find: each breaks the identity of calls in one way, in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from omium import codec
from omium.codec import _look, codes
from omium.runtime import _live


def name_only() -> None:
    """A call is known by its name alone."""
    _wrap_claims(digest=lambda digest: b"")


def half_of_the_inputs() -> None:
    """Calls whose first argument is the same are taken for the same."""
    inputs = codec.inputs

    def fewer(arguments: Any, call: str) -> Any:
        return inputs(dict(list(arguments.items())[:1]), call)

    codec.inputs = fewer


def type_only() -> None:
    """An object that cannot be recorded is known by its class alone."""
    made = _look.Looks._made

    def classes(self: Any, value: Any, gaps: int) -> Any:
        look = made(self, value, gaps)
        name = _look.qualified(type(value))
        return look._replace(reduced=(codes.LOOK, [name]), whole=True, tells=True)

    _look.Looks._made = classes  # type: ignore[method-assign]


def occurrences() -> None:
    """Of equal calls the first answers all."""
    _wrap_claims(first=True)


def retried_effects() -> None:
    """An effect in doubt is made again, whatever its probe says."""
    from omium.effects import _acting

    def settle(self: Any) -> Any:
        return None
        yield

    _acting._Trial.settle = settle  # type: ignore[method-assign]


def forgotten() -> None:
    """One answer in ten is not found."""
    _wrap_claims(loses=10)


class _Claims:
    """A native run whose claims are changed."""

    def __init__(self, native: Any, change: dict[str, Any]) -> None:
        self._native, self._change = native, change
        self._first: dict[tuple[str, str, bytes], Any] = {}
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)

    def claim(self, kind: str, scope: str, name: str, digest: bytes, **where: Any) -> Any:
        digest = self._change.get("digest", lambda each: each)(digest)
        key = scope, name, digest
        if kind != "note" and self._change.get("first") and key in self._first:
            return self._first[key]
        self._count += 1
        loses = self._change.get("loses")
        if loses and kind == "step" and self._count % loses == 0:
            self._native.claim(kind, scope, name, digest, **where)
        claim = self._native.claim(kind, scope, name, digest, **where)
        if claim.recorded is not None:
            self._first[key] = claim
        return claim


def _wrap_claims(**change: Any) -> None:
    init = _live.LiveRun.__init__

    def wrapped(self: Any, store: Any, native: Any, codec: str) -> None:
        init(self, store, _Claims(native, change), codec)

    _live.LiveRun.__init__ = wrapped  # type: ignore[method-assign]


BUGS: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (name_only, half_of_the_inputs, type_only, occurrences, retried_effects, forgotten)
}
