"""When a failed attempt of a step is made again."""

from __future__ import annotations

from typing import NamedTuple

from omium.exceptions import InvalidInput, OmiumError, PostconditionFailed, StepTimeout, Stuck

__all__ = ["Retry"]


class Retry(NamedTuple):
    """`times` more attempts after the first, with waits that double from `first` up to `longest`.

    Every wait is multiplied by a random factor between 0.5 and 1.5, so that many failing callers do not
    come back together. Only failures of the classes in `on` are tried again. Times are seconds.
    """

    times: int = 3
    on: tuple[type[Exception], ...] = (Exception,)
    first: float = 0.1
    longest: float = 30.0

    def wait(self, attempt: int, error: Exception) -> float | None:
        """Seconds to wait after that attempt (1 is the first) failed; None when it was the last."""
        if attempt > self.times or not isinstance(error, self.on) or not _may_pass(error):
            return None
        from random import uniform

        doublings = min(attempt - 1, 63)
        wait: float = min(self.first * 2**doublings, self.longest)
        return wait * uniform(0.5, 1.5)


NEVER = Retry(times=0)


def parse(retries: int | Retry) -> Retry:
    """The policy a decorator's `retries` asks for."""
    policy = retries if isinstance(retries, Retry) else Retry(times=retries)
    if isinstance(retries, bool) or not isinstance(policy.times, int) or policy.times < 0:
        raise InvalidInput(f"retries must be 0 or more, or an omium.Retry, not {retries!r}")
    if policy.first < 0 or policy.longest < policy.first:
        raise InvalidInput(f"a Retry needs 0 <= first <= longest, not {policy!r}")
    return policy


def _may_pass(error: Exception) -> bool:
    """Omium's own failures do not go away by themselves, but for a step that took too long or gave a wrong result."""
    return isinstance(error, (StepTimeout, Stuck, PostconditionFailed)) or not isinstance(error, OmiumError)
