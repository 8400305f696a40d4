"""Effects in doubt: began, and nobody knows whether they happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from omium.exceptions import InDoubt, InvalidInput, Waiting
from omium.runtime._course import Ask
from omium.runtime._live import describe, is_abort

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from omium.effects._given import Given

__all__ = ["Policy", "parse", "probed", "refusal"]

Policy = Literal["probe", "retry", "ask", "fail"]

_POLICIES = ("probe", "retry", "ask", "fail")


def parse(policy: str | None, probe: Callable[..., Any] | None) -> Policy:
    """The policy a decorator asks for: without one the probe decides, and without a probe a person."""
    if policy is None:
        return "ask" if probe is None else "probe"
    if policy not in _POLICIES:
        raise InvalidInput(f"in_doubt is one of {', '.join(map(repr, _POLICIES))}, not {policy!r}")
    if policy == "probe" and probe is None:
        raise InvalidInput("in_doubt='probe' needs a probe: give probe=, or another policy")
    return policy  # type: ignore[return-value]  # It is one of them.


def probed(probe: Callable[..., Any], given: Given, key: str, intent: int, execution: str) -> Generator[Ask, Any, Any]:
    """The receipt the outside has of it, or None when it never happened."""
    try:
        return (yield Ask(given.call(probe, idempotency_key=key)))
    except Exception as error:
        if is_abort(error):
            raise
        raise refusal("fail", given.name, execution, intent, f"its probe failed with {describe(error)}") from error


def refusal(policy: Policy, name: str, execution: str, intent: int, why: str) -> InDoubt | Waiting:
    """What ends the run when an effect cannot be settled here."""
    place = f"{execution}@{intent}"
    message = f"{name} began at {place} and may have happened: {why}"
    if policy == "ask":
        return Waiting(f"did {name} at {place} happen? {why}", execution=execution, seq=intent)
    return InDoubt(message, execution=execution, seq=intent)
