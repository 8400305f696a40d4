"""A model call's share of the budget, where there is one: it waits for calls that may use the budget up."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from omium.wire import turns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token

    from omium.runtime._live import LiveRun

__all__ = ["Share"]

_inside: ContextVar[bool] = ContextVar("omium_crewai_model_call", default=False)
"""Whether this code is run by a model call, for which it would wait for ever."""


class Share:
    """Around one model call, from its claim to its entry."""

    __slots__ = ("_nested", "_token", "_turn", "used")
    _token: Token[bool]

    def __init__(self) -> None:
        self._nested = _inside.get()
        self._turn: turns.Turn | None = None
        self.used: Mapping[str, int] | None = None
        """The counters of its entry."""

    def wait(self, run: LiveRun) -> None:
        """Waits until the call may begin."""
        self._turn = None if self._nested else turns.turn(run, "plain")
        if self._turn is not None:
            self._turn.wait()

    async def await_(self, run: LiveRun) -> None:
        """`wait` for async code."""
        self._turn = None if self._nested else turns.turn(run, "async")
        if self._turn is not None:
            await self._turn.await_()

    def __enter__(self) -> None:
        self._token = _inside.set(True)

    def __exit__(self, *_: object) -> None:
        _inside.reset(self._token)
        if self._turn is not None:
            self._turn.end(self.used)
