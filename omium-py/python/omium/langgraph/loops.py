"""LangGraph's loop is met as it is entered, which is the moment an invocation of a graph begins.

A checkpointer is not told whose checkpoints it reads and saves. So the loop of the graph around all others gets a
Saver of its own, which knows the invocation, and LangGraph lends it to every graph below. A thread that is busy is
refused, or waited for, here: LangGraph has read nothing yet.
"""

from __future__ import annotations

import asyncio
import time
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.pregel import main
from langgraph.pregel._loop import AsyncPregelLoop, SyncPregelLoop

from omium._leaving import leaving
from omium.exceptions import FrameworkUnsupported, LeaseHeld
from omium.langgraph.convert import address
from omium.langgraph.entered import Entered
from omium.langgraph.invocation import Invocation, holder
from omium.runtime import _under_way
from omium.runtime._worker import off_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AsyncExitStack, ExitStack
    from types import TracebackType

    from typing_extensions import Self

    from omium._omium import Store
    from omium.langgraph.hidden import Hidden

__all__ = ["CHECKPOINTER", "Lender", "install", "lender", "lent"]

CHECKPOINTER = "__pregel_checkpointer"
_PAUSE, _PAUSE_MAX = 0.01, 0.2
_LEAVING_MAX = 2.0
"""Seconds. An invocation that is being left, such as a stream nobody reads any more, is over in a moment."""
_TURNS = 8
"""Of the event loop, in which asyncio begins to close what nobody reads any more."""


@runtime_checkable
class Lender(Protocol):
    """A Saver, as a loop knows it."""

    invocation: Invocation | None
    busy: str

    def own_store(self) -> Store: ...

    def store_of_nodes(self, thread: str) -> Store | Hidden | None: ...

    def lent_to(self, invocation: Invocation) -> Self: ...


class _Begins(NamedTuple):
    """An invocation, before it has begun."""

    invocation: Invocation
    saver: Lender
    blocks: bool
    """Whether the thread does nothing else while it waits."""

    @property
    def waits(self) -> bool:
        return self.saver.busy == "wait"

    def refused(self, since: float) -> bool:
        """Whether the thread is busy with somebody who will not leave at once, and is not to be waited for."""
        other = holder(self.invocation)
        if self.waits and not (other is not None and self._holds_up(other)):
            return False
        return other is None or not other.leaving or time.monotonic() - since > _LEAVING_MAX

    def _holds_up(self, other: Invocation) -> bool:
        """Whether the other one cannot end while this one waits.

        The code that waits has begun it itself, as a stream it still reads, or blocks the event loop which it runs in.
        """
        mine = self.invocation
        if other.leaving:
            return False
        return other.strand == mine.strand or (self.blocks and other.thread == mine.thread and _runs_a_loop())


def lent(config: Mapping[str, Any] | None) -> Invocation | None:
    """The invocation whose Saver that config lends."""
    saver = lender(config)
    return None if saver is None else saver.invocation


def lender(config: Mapping[str, Any] | None) -> Lender | None:
    """The Saver that config lends."""
    saver = ((config or {}).get("configurable") or {}).get(CHECKPOINTER)
    return saver if isinstance(saver, Lender) else None


def install() -> None:
    """Has every loop met from now on."""
    for kind, name, met in ((SyncPregelLoop, "__enter__", _enters), (AsyncPregelLoop, "__aenter__", _aenters)):
        if getattr(main, kind.__name__, None) is not kind:
            raise FrameworkUnsupported(
                "this LangGraph does not tell when an invocation begins: install another version"
            )
        setattr(kind, name, met(getattr(kind, name)))


def _enters(enter: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @wraps(enter)
    def entering(loop: Any) -> Any:
        begins = _meet(loop)
        if begins is None:
            return enter(loop)
        with leaving(begins.invocation.id):
            _begin(begins)
        return _entered_or_left(loop, begins, enter)

    return entering


def _entered_or_left(loop: Any, begins: _Begins, enter: Callable[[Any], Any]) -> Any:
    # What is pushed first is called last: by then all is saved and every thread of the graph has ended.
    stack: ExitStack = loop.stack
    stack.push(_at_end(begins.invocation))
    try:
        _lend(loop, begins.saver, begins.invocation, "put_writes")
        found = enter(loop)
    except BaseException as error:
        begins.invocation.leave(error)
        raise
    stack.callback(begins.invocation.leaves)
    return found


def _aenters(enter: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @wraps(enter)
    async def entering(loop: Any) -> Any:
        begins = _meet(loop)
        if begins is None:
            return await enter(loop)
        invocation = begins.invocation
        stack: AsyncExitStack = loop.stack
        stack.push_async_exit(_at_async_end(invocation))
        try:
            with leaving(invocation.id):
                await _abegin(begins)
            _lend(loop, begins.saver, invocation, "aput_writes")
            found = await enter(loop)
        except BaseException as error:
            await off_loop(invocation.leave, error)
            raise
        stack.callback(invocation.leaves)
        return found

    return entering


def _meet(loop: Any) -> _Begins | None:
    """Marks the loop; answers what begins with it, if it is no part of an invocation that has begun."""
    around = lent(loop.config)
    saver = loop.checkpointer
    if not isinstance(saver, Lender):
        if around is not None:
            Entered(loop)
        return None
    thread, store = address(loop.checkpoint_config)[0], saver.own_store()
    # A node may run a graph on its own thread: that is part of what it does.
    if not loop.is_nested:
        around = lent(var_child_runnable_config.get())
    elif around is not None and around.over and (around.store.path, around.id) == (store.path, thread):
        around.refuse_left()
    Entered(loop)
    if around is not None and around.is_on(store, thread):
        _lend(loop, saver, around, "aput_writes" if isinstance(loop, AsyncPregelLoop) else "put_writes")
        return None
    return _Begins(Invocation(store, thread, loop), saver, blocks=not isinstance(loop, AsyncPregelLoop))


def _lend(loop: Any, saver: Lender, invocation: Invocation, put_writes: str) -> None:
    if saver.invocation is invocation:
        return
    loop.checkpointer = saver.lent_to(invocation)
    if loop.checkpointer_put_writes is not None:
        loop.checkpointer_put_writes = getattr(loop.checkpointer, put_writes)


def _begin(begins: _Begins) -> None:
    since, pause = time.monotonic(), _PAUSE
    while True:
        try:
            return begins.invocation.begin(waits=begins.waits)
        except LeaseHeld:
            if begins.refused(since):
                raise
        time.sleep(pause)
        pause = min(pause * 2, _PAUSE_MAX)


async def _abegin(begins: _Begins) -> None:
    since, pause = time.monotonic(), _PAUSE
    while True:
        try:
            return await off_loop(begins.invocation.begin, waits=begins.waits)
        except LeaseHeld:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            if begins.refused(since):
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, _PAUSE_MAX)


def _runs_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _at_end(invocation: Invocation) -> Any:
    def leave(_: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> bool:
        invocation.leave(error)
        return False

    return leave


def _at_async_end(invocation: Invocation) -> Any:
    async def leave(_: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> bool:
        if invocation.run is not None and (error is None or isinstance(error, Exception)):
            await _under_way.await_(invocation.run)
        await off_loop(invocation.leave, error)
        return False

    return leave
