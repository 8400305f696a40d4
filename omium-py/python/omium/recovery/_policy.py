"""What is done when a step has failed: a ladder of actions, each tried before the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from omium.exceptions import InvalidInput
from omium.recovery._classes import check_failures
from omium.retry import NEVER, Retry, checked

if TYPE_CHECKING:
    from omium.recovery._classes import Failures

__all__ = ["Recovery", "parse"]

_ROLLBACK = "rollback:"


class Recovery(NamedTuple):
    """A ladder: retry, then roll back and repair, then ask a person, then fail. Leave out what is not wanted.

    `retry` is made at the place itself. When that does not help, the execution goes back to before the
    latest step named in `rollback`, which runs again and is told why by `omium.failure()`: to the first
    name, the next time to the second, and so on. At most `rollbacks` are made for one step in one
    execution, so that loops end. `ask` makes the execution wait for a person, who answers "retry",
    "fail" or {"value": ...}. Only failures in `on` are dealt with, which are classes of exceptions and types
    of failures such as "timeout"; others fail at once.
    """

    retry: Retry = NEVER
    rollback: str | Sequence[str] = ()
    ask: bool = False
    rollbacks: int | None = None
    """None: one for each name."""
    on: Failures = (Exception,)

    def target(self, made: int) -> str | None:
        """The step to go back to after so many rollbacks; None when there were enough."""
        names = _names(self.rollback)
        limit = len(names) if self.rollbacks is None else self.rollbacks
        if not names or made >= limit:
            return None
        return names[min(made, len(names) - 1)]


def parse(recovery: Recovery | Sequence[str] | None) -> Recovery | None:
    """The policy a decorator asks for: a Recovery, or a list such as ["retry", "rollback:plan", "ask"]."""
    if recovery is None:
        return None
    if isinstance(recovery, Recovery):
        return _checked(recovery)
    if isinstance(recovery, str) or not isinstance(recovery, Sequence):
        raise InvalidInput(f"recovery is an omium.Recovery or a list of actions, not {recovery!r}")
    return _checked(_ladder(list(recovery)))


def _ladder(actions: list[object]) -> Recovery:
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
        elif isinstance(action, str) and action.startswith(_ROLLBACK) and action.removeprefix(_ROLLBACK).strip():
            names.append(action.removeprefix(_ROLLBACK).strip())
        elif action == "retry":
            if names or retry is not NEVER:
                raise InvalidInput("'retry' stands first, and once; omium.Recovery(retry=omium.Retry(...)) says more")
            retry = Retry()
        else:
            raise InvalidInput(f"an action is 'retry', 'rollback:STEP', 'ask' or 'fail', not {action!r}")
    return Recovery(retry=retry, rollback=tuple(names), ask=ask)


def _checked(recovery: Recovery) -> Recovery:
    if not isinstance(recovery.retry, Retry):
        raise InvalidInput(f"Recovery(retry=) is an omium.Retry, not {recovery.retry!r}")
    if not isinstance(recovery.rollback, (str, list, tuple)):
        raise InvalidInput(f"Recovery(rollback=) names steps, not {recovery.rollback!r}")
    names = _names(recovery.rollback)
    if not all(isinstance(name, str) and name and name == name.strip() for name in names):
        raise InvalidInput(f"Recovery(rollback=) names steps, not {names!r}")
    most = recovery.rollbacks
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 0):
        raise InvalidInput(f"Recovery(rollbacks=) is 0 or more, not {most!r}")
    if most and not names:
        raise InvalidInput("Recovery(rollbacks=) is how often, and rollback= says to which step: it names none")
    if not isinstance(recovery.ask, bool):
        raise InvalidInput(f"Recovery(ask=) is True or False, not {recovery.ask!r}")
    check_failures("Recovery(on=)", recovery.on)
    retry = checked(recovery.retry)
    if retry.on == Retry().on:
        retry = retry._replace(on=recovery.on)
    return recovery._replace(rollback=names, retry=retry)


def _names(rollback: str | Sequence[str]) -> tuple[str, ...]:
    return (rollback,) if isinstance(rollback, str) else tuple(rollback)
