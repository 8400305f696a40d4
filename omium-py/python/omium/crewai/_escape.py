"""How omium's own errors get out of CrewAI.

CrewAI turns an exception of a model or a tool into a retry, or into text for the model, and goes on. Where
it does so, an error that ends the execution travels as a BaseException, and becomes itself again at the
border: a task, a kickoff.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

from omium.exceptions import LeaseHeld
from omium.runtime._live import is_abort

if TYPE_CHECKING:
    from types import TracebackType

    from omium.runtime._context import Frame
    from omium.runtime._live import LiveRun

__all__ = ["Escape", "Host", "Seam", "stops", "unordered"]

_NO_STRAND = 0
"""An owner that no strand is: a claim with it is found by its address alone."""

_hosted: ContextVar[bool] = ContextVar("omium_crewai_hosted", default=False)


class Escape(BaseException):
    """An error of omium on its way through code that catches every Exception."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def unordered(frame: Frame) -> Frame:
    """The frame for a claim. Where CrewAI decides what runs in which thread, order proves nothing."""
    return frame._replace(owner=_NO_STRAND) if _hosted.get() else frame


def stops(run: LiveRun, error: Exception) -> bool:
    """Whether the execution has ended, by this error or before it.

    An execution that somebody else runs is no tool's failure for a model to go on from.
    """
    if is_abort(error) or (isinstance(error, LeaseHeld) and _hosted.get()):
        run.abort(error)
    return run.aborted is not None


class Host:
    """Around code of CrewAI that swallows exceptions; what escaped is itself again outside."""

    __slots__ = ("_events", "_token")
    _token: Token[bool]

    def __enter__(self) -> None:
        from crewai.events import event_context

        self._token = _hosted.set(True)
        self._events = event_context._event_id_stack.get()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _hosted.reset(self._token)
        if error is not None and not isinstance(error, Exception):
            # What nobody handled left CrewAI's events open, of which it allows a hundred.
            from crewai.events import event_context

            event_context._event_id_stack.set(self._events)
        if isinstance(error, Escape):
            raise error.error from error.error.__cause__


class Seam:
    """Around one recorded call: an error that ends the execution leaves it as one that CrewAI lets pass."""

    __slots__ = ("_frame",)

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, Exception):
            return
        run = self._frame.run
        if stops(run, error) and error is run.aborted and _hosted.get():
            raise Escape(error) from None
