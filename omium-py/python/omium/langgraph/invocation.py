"""The end of an invocation of a graph, however it comes: its checkpointer is not told of every one."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from omium.runtime._worker import off_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

__all__ = ["at_end"]


def at_end(graph: Any, then: Callable[[BaseException | None], None], wait: Callable[[], Awaitable[None]]) -> None:
    """Calls `then` when LangGraph has left the invocation: saved what is left, waited for its threads or cancelled all.

    It is told of the exception that leaves, if one does. In async code `wait` is awaited before, unless the
    invocation was cancelled. `graph` is LangGraph's loop, which unwinds a stack at its end. What is pushed last is
    called first, so it takes everything below along.
    """
    stack = graph.stack

    def leave(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        try:
            held = bool(stack.pop_all().__exit__(kind, error, trace))
            error = None if held else error
        except BaseException as raised:
            error = raised
            raise
        finally:
            then(error)
        return held

    async def aleave(
        kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        try:
            held = bool(await stack.pop_all().__aexit__(kind, error, trace))
            error = None if held else error
        except BaseException as raised:
            error = raised
            raise
        finally:
            if error is None or isinstance(error, Exception):
                await wait()
            await off_loop(then, error)
        return held

    if isinstance(stack, AsyncExitStack):
        stack.push_async_exit(aleave)
    else:
        stack.push(leave)
