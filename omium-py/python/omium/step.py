"""`@omium.step`: a function whose result is recorded, and which is not run again once it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from omium.checks import NONE, Checks, Condition
from omium.runtime import _arguments, _context, _outside, _record
from omium.runtime._arguments import Key, Parameters
from omium.runtime._code import Code

if TYPE_CHECKING:
    from omium import retry
    from omium.recovery import Recovery

__all__ = ["step"]

F = TypeVar("F", bound=Callable[..., Any])
Codec = Literal["msgpack", "pickle"]


@overload
def step(function: F, /) -> F: ...
@overload
def step(
    *,
    name: str | None = None,
    key: Key | None = None,
    retries: int | retry.Retry = 0,
    timeout: float | None = None,
    preconditions: Sequence[Condition] = (),
    postconditions: Sequence[Condition] = (),
    recovery: Recovery | Sequence[str] | None = None,
    codec: Codec | None = None,
) -> Callable[[F], F]: ...
def step(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    key: Key | None = None,
    retries: int | retry.Retry = 0,
    timeout: float | None = None,
    preconditions: Sequence[Condition] = (),
    postconditions: Sequence[Condition] = (),
    recovery: Recovery | Sequence[str] | None = None,
    codec: Codec | None = None,
) -> Any:
    """Makes a function, plain or async, a step. Outside an execution it stays what it was.

    A call is found again by its name and its arguments, or those `key` names. `retries` is how many
    more attempts a failed one gets, with growing waits from 100 ms, or an `omium.Retry`. `timeout` is
    in seconds, for each attempt; a plain function with one runs in a thread of its own.

    Conditions are functions, CEL strings such as "size(result) > 0", or JSON Schemas as dicts. Without
    its preconditions the body does not run; without its postconditions the result is not recorded as
    done: the attempt has failed. `recovery` says what is done when every attempt has, as a list such as
    ["retry", "rollback:plan", "ask"] or an `omium.Recovery`.
    """
    policy = _record.policy(retries, timeout, codec, recovery)

    def decorate(function: Any) -> Any:
        if isinstance(function, (staticmethod, classmethod)):
            return type(function)(decorate(function.__func__))
        checks = Checks.of(function, name, preconditions=preconditions, postconditions=postconditions)
        return recorded("step", function, name, Parameters(function, key), policy, checks)

    return decorate if function is None else decorate(function)


def recorded(
    kind: Any,
    function: Callable[..., Any],
    name: str | None,
    parameters: Parameters,
    policy: _record.Policy,
    checks: Checks = NONE,
) -> Callable[..., Any]:
    """A function like the given one, whose calls inside an execution are recorded."""
    label = _arguments.label(function, name)
    body = checks.around(function, parameters)
    policy = policy._replace(code=Code(function, checks.conditions))

    if _arguments.is_async(function):

        @wraps(function)
        async def acall(*args: Any, **kwargs: Any) -> Any:
            if _context.frame() is None:
                _outside.called("step", label)
                return await function(*args, **kwargs)
            inputs = parameters.inputs(args, kwargs)
            return await _record.acall(kind, label, inputs, partial(body, *args, **kwargs), policy)

        return acall

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if _context.frame() is None:
            _outside.called("step", label)
            return function(*args, **kwargs)
        inputs = parameters.inputs(args, kwargs)
        return _record.call(kind, label, inputs, partial(body, *args, **kwargs), policy)

    return call
