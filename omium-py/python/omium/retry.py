"""When a failed attempt of a step is made again."""

from __future__ import annotations

from _thread import TIMEOUT_MAX
from typing import TYPE_CHECKING, NamedTuple

from omium.exceptions import InvalidInput, OmiumError, PostconditionFailed, StepTimeout, Stuck
from omium.runtime._changed import is_told

if TYPE_CHECKING:
    from omium.recovery._classes import Failures

__all__ = ["Retry"]


class Retry(NamedTuple):
    """`times` more attempts after the first, with waits that double from `first` up to `longest`.

    Every wait is multiplied by a random factor between 0.5 and 1.5, so that many failing callers do not
    come back together. Only failures in `on` are tried again: classes of exceptions, and types of failures
    such as "rate_limit". Times are seconds.
    """

    times: int = 3
    on: Failures = (Exception,)
    first: float = 0.1
    longest: float = 30.0

    def wait(self, attempt: int, error: Exception, kind: str | None = None) -> float | None:
        """Seconds to wait after that attempt (1 is the first) of an entry of that kind; None when it was the last."""
        from omium.recovery._classes import is_among

        if attempt > self.times or not is_among(self.on, error, kind) or not _may_pass(error):
            return None
        from random import uniform

        doublings = min(attempt - 1, 63)
        wait: float = min(self.first * 2**doublings, self.longest)
        return wait * uniform(0.5, 1.5)


NEVER = Retry(times=0)


def parse(retries: int | Retry) -> Retry:
    """The policy a decorator's `retries` asks for."""
    if isinstance(retries, Retry):
        return checked(retries)
    if not _is_count(retries):
        raise InvalidInput(f"retries is a number from 0 up, or an omium.Retry, not {retries!r}")
    return Retry(times=retries)


def checked(retry: Retry) -> Retry:
    """The policy, when it makes sense."""
    from omium.recovery._classes import check_failures

    if not _is_count(retry.times):
        raise InvalidInput(f"Retry(times=) is a number from 0 up, not {retry.times!r}")
    waits = (retry.first, retry.longest)
    if not all(isinstance(wait, (int, float)) for wait in waits) or not 0 <= waits[0] <= waits[1] <= TIMEOUT_MAX:
        raise InvalidInput(
            f"a Retry needs seconds, 0 <= first <= longest, not first={retry.first!r} and longest={retry.longest!r}"
        )
    check_failures("Retry(on=)", retry.on)
    return retry


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _may_pass(error: Exception) -> bool:
    """Omium's own failures do not go away by themselves, but for a step that took too long or gave a wrong result."""
    if is_told(error):
        # The next attempt would be given what this one has changed.
        return False
    return isinstance(error, (StepTimeout, Stuck, PostconditionFailed)) or not isinstance(error, OmiumError)
