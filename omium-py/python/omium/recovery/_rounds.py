"""The runs of a workflow function that one start or resume makes: its recovery policy may ask for more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.exceptions import ExecutionNotFound, RecordedFailure
from omium.recovery import _actions

if TYPE_CHECKING:
    from omium._session import Session
    from omium.recovery._policy import Recovery
    from omium.runtime._live import Rewind

__all__ = ["Rounds"]


class Rounds:
    """The session of the present run, and what comes after it."""

    def __init__(self, session: Session[Any], name: str, policy: Recovery | None) -> None:
        self.session = session
        self._name = name
        self._policy = policy

    def left(self) -> float:
        """Seconds that are left until a retry, when the process before this one died waiting for it."""
        handle = self.session.handle
        if self._policy is None or self.session.replays:
            return 0.0
        try:
            return _actions.left(handle.store, handle.id)
        except ExecutionNotFound:
            return 0.0

    def answered(self) -> bool:
        """Whether a person gave the result when the workflow last failed. Raises when they let it fail."""
        run = self.session.run
        if self._policy is None or not run.native.resumed or run.native.mode == "record":
            return False
        answer = _actions.asked(run)
        if answer == "fail":
            raise RecordedFailure(f"{self._name} failed, and the answer was to leave it at that")
        if answer is None or not answer.given:
            return False
        self.session.result = answer.value
        return True

    def failed(self, error: Exception) -> None:
        """Does what the policy says about a failure of the workflow; raises what unwinds the run for it."""
        run = self.session.run
        rewind = _actions.unwind(run, self._name, self._policy, error)
        if rewind is not None:
            run.abort(rewind)
            raise rewind from error

    def again(self, rewind: Rewind) -> None:
        """Goes back, and opens the next run."""
        if rewind.to is not None:
            self.session.handle.rollback(rewind.to)
        self.session = self.session.again()
