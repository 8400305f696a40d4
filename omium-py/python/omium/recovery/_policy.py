"""What is done when a step has failed: a ladder of actions, each tried before the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from omium.exceptions import InvalidInput
from omium.retry import NEVER, Retry

__all__ = ["Recovery", "parse"]

_ROLLBACK = "rollback:"


class Recovery(NamedTuple):
    """A ladder: retry, then roll back and repair, then ask a person, then fail. Leave out what is not wanted.

    `retry` is made at the place itself. When that does not help, the execution goes back to before the
    latest step named in `rollback`, which runs again and is told why by `omium.failure()`: to the first
    name, the next time to the second, and so on. At most `rollbacks` are made for one step in one
    execution, so that loops end. `ask` makes the execution wait for a person, who answers "retry",
    "fail" or {"value": ...}. Only failures of the classes in `on` are dealt with; others fail at once.
    """

    retry: Retry = NEVER
    rollback: tuple[str, ...] = ()
    ask: bool = False
    rollbacks: int | None = None
    """None: one for each name."""
    on: tuple[type[Exception], ...] = (Exception,)

    def target(self, made: int) -> str | None:
        """The step to go back to after so many rollbacks; None when there were enough."""
        limit = len(self.rollback) if self.rollbacks is None else self.rollbacks
        if not self.rollback or made >= limit:
            return None
        return self.rollback[min(made, len(self.rollback) - 1)]


def parse(recovery: Recovery | Sequence[str] | None) -> Recovery | None:
    """The policy a decorator asks for: a Recovery, or a list such as ["retry", "rollback:plan", "ask"]."""
    if recovery is None:
        return None
    if isinstance(recovery, Recovery):
        return _checked(recovery)
    if isinstance(recovery, str) or not isinstance(recovery, Sequence):
        raise InvalidInput(f"recovery is an omium.Recovery or a list of actions, not {recovery!r}")
    actions = [str(each) for each in recovery]
    return _checked(_ladder(actions))


def _ladder(actions: list[str]) -> Recovery:
    retry, ask = NEVER, False
    names: list[str] = []
    for position, action in enumerate(actions):
        if action == "fail":
            if position != len(actions) - 1:
                raise InvalidInput(f"nothing comes after 'fail', and here is {actions[position + 1]!r}")
        elif ask:
            raise InvalidInput(f"after 'ask' a person decides, and here is {action!r}")
        elif action == "ask":
            ask = True
        elif isinstance(action, str) and action.startswith(_ROLLBACK) and action != _ROLLBACK:
            names.append(action.removeprefix(_ROLLBACK))
        elif action == "retry":
            if names or retry is not NEVER:
                raise InvalidInput("'retry' stands first, and once; omium.Recovery(retry=omium.Retry(...)) says more")
            retry = Retry()
        else:
            raise InvalidInput(f"an action is 'retry', 'rollback:STEP', 'ask' or 'fail', not {action!r}")
    return Recovery(retry=retry, rollback=tuple(names), ask=ask)


def _checked(recovery: Recovery) -> Recovery:
    names = recovery.rollback
    if isinstance(names, str):
        return _checked(recovery._replace(rollback=(names,)))
    if not isinstance(recovery.retry, Retry):
        raise InvalidInput(f"Recovery(retry=) is an omium.Retry, not {recovery.retry!r}")
    if not all(isinstance(name, str) and name for name in names):
        raise InvalidInput(f"Recovery(rollback=) names steps, not {names!r}")
    if recovery.rollbacks is not None and (not isinstance(recovery.rollbacks, int) or recovery.rollbacks < 0):
        raise InvalidInput(f"Recovery(rollbacks=) is 0 or more, not {recovery.rollbacks!r}")
    retry = recovery.retry
    if retry.on == Retry().on:
        retry = retry._replace(on=recovery.on)
    return recovery._replace(rollback=tuple(names), retry=retry)
