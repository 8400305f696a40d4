"""Kickoffs of crews, flows and single agents: the scope of what they do.

A crew or flow leaves an entry when it begins, so that everything it does has an address, and so that a
kickoff with other inputs is noticed. Its code runs at every resume: callbacks, routers and the rest.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from omium.crewai._escape import Escape, Host, Seam, unordered
from omium.crewai._human import watch_providers
from omium.crewai._usage import crew_of
from omium.runtime import _context, _under_way
from omium.runtime._place import Place
from omium.runtime._worker import off_loop

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["patched_agent", "patched_agent_async", "patched_crew", "patched_crew_async", "patched_flow"]


class _Begun:
    """Entered when the kickoff's entry is there; inside, the frame is that of the kickoff."""

    def __init__(self, frame: _context.Frame, name: str, inputs: Any, crew: Any = None, flow: Any = None) -> None:
        self._frame = frame
        self._crew = crew
        self._flow = flow
        self._host = Host()
        with Seam(frame):
            self._place = Place(unordered(frame), "step", name, {"inputs": inputs})

    def record(self) -> int:
        entry = self._place.recorded
        with Seam(self._frame):
            if entry is None:
                return self._place.commit(self._place.encode(self._flow_id()))
            self._flow_id(self._place.answer(entry))
            return entry.seq

    def _flow_id(self, recorded: str | None = None) -> str | None:
        """A flow without an id of the caller's makes one, which is then part of its state: it stays the same."""
        if self._flow is None:
            return None
        if recorded is not None:
            state = self._flow._state
            if isinstance(state, dict):
                state["id"] = recorded
            else:
                object.__setattr__(state, "id", recorded)
        return str(self._flow.flow_id)

    def enter(self, seq: int) -> None:
        self._place.arrive(seq)
        self._outer = _context.current.get()
        _context.current.set(self._place.inside())
        self._token = crew_of.set(self._crew)
        self._host.__enter__()

    def __enter__(self) -> None:
        self.enter(self.record())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Whoever interrupts the program does not want to wait.
        if isinstance(error, (Exception, Escape)):
            _under_way.wait(self._frame.run, self._place.path)
        self._leave(kind, error, trace)

    def _leave(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _context.current.set(self._outer)
        crew_of.reset(self._token)
        self._host.__exit__(kind, error, trace)

    async def __aenter__(self) -> None:
        self.enter(await off_loop(self.record))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, (Exception, Escape)):
            await _under_way.await_(self._frame.run, self._place.path)
        self._leave(kind, error, trace)


def patched_crew(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def kickoff(self: Any, inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
        frame = _context.frame()
        if frame is None or self.stream:
            # A streaming kickoff calls itself again, without streaming, in the thread that does the work.
            return method(self, inputs, *args, **kwargs)
        with _Begun(frame, _name(self, "crew"), inputs, self):
            return method(self, inputs, *args, **kwargs)

    return kickoff


def patched_crew_async(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def akickoff(self: Any, inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
        frame = _context.frame()
        if frame is None or self.stream:
            return await method(self, inputs, *args, **kwargs)
        async with _Begun(frame, _name(self, "crew"), inputs, self):
            return await method(self, inputs, *args, **kwargs)

    return akickoff


def patched_flow(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def kickoff_async(self: Any, inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
        frame = _context.frame()
        if frame is None or self.stream or type(self).__module__.startswith("crewai."):
            # CrewAI's own flows, such as the one inside each agent, are part of what they work for.
            return await method(self, inputs, *args, **kwargs)
        watch_providers(self)
        async with _Begun(frame, _name(self, type(self).__name__), inputs, crew_of.get(), self):
            return await method(self, inputs, *args, **kwargs)

    return kickoff_async


def patched_agent(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def kickoff(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _context.frame() is None:
            return method(self, *args, **kwargs)
        with Host():
            result = method(self, *args, **kwargs)
        from inspect import iscoroutine

        return _inside_host(result) if iscoroutine(result) else result

    return kickoff


def patched_agent_async(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def kickoff_async(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _context.frame() is None:
            return await method(self, *args, **kwargs)
        with Host():
            return await method(self, *args, **kwargs)

    return kickoff_async


async def _inside_host(work: Any) -> Any:
    with Host():
        return await work


def _name(owner: Any, default: str) -> str:
    return str(getattr(owner, "name", None) or default)
