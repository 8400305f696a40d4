"""Faults planted on purpose: the campaign has to find each."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from omium.langgraph.invocation import Invocation

BUGS = ("none", "superstep", "token")


def plant(name: str) -> None:
    """`superstep`: the lease is given back when a state is saved. `token`: what is saved does not say by whom."""

    def gives_back(self: Any, commit: Callable[[Any], None], channels: Collection[str] | None = None) -> None:
        forgets(self, commit, channels)
        with self.lock:
            run, self.run = self.run if channels is None else None, None if channels is None else self.run
            if run is not None:
                run.ended = True
                run.native.release()

    def takes_again(self: Any) -> Any:
        return self.store.begin("langgraph", self.id, mode="enter")

    def forgets(self: Any, commit: Callable[[Any], None], channels: Collection[str] | None = None) -> None:
        commit(None if self.run is None else self.run.native)

    if name == "superstep":
        Invocation.save = gives_back  # type: ignore[method-assign]
        Invocation._join = takes_again  # type: ignore[method-assign]
    elif name == "token":
        Invocation.save = forgets  # type: ignore[method-assign]
