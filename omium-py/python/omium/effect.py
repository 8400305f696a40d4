"""`@omium.effect`: a step that touches the outside world, and is never silently repeated or skipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar, overload

from omium.checks import Checks, Condition
from omium.effects import _intent
from omium.effects._acting import Effect, course
from omium.effects._called import Called
from omium.exceptions import InvalidInput
from omium.recovery._actions import acarry, carry
from omium.runtime import _cancelled, _context, _outside, _record, _registry, _turns
from omium.runtime._course import adrive, drive
from omium.runtime._worker import off_loop

if TYPE_CHECKING:
    from omium import retry
    from omium.effects import _doubt
    from omium.recovery import Recovery
    from omium.runtime._arguments import Key
    from omium.runtime._place import Place
    from omium.step import Codec

__all__ = ["effect", "idempotency_key"]

F = TypeVar("F", bound=Callable[..., Any])


def idempotency_key() -> str:
    """The key of the effect whose body runs: hand it to the outside, which then acts only once for it.

    The same when the effect is tried again, also after a crash; another one in every execution, fork
    and call, and after a rollback.
    """
    key = _intent.current_key.get()
    if key is None:
        raise InvalidInput("idempotency_key() belongs inside the body of an @omium.effect")
    return key


@overload
def effect(function: F, /) -> F: ...
@overload
def effect(
    *,
    key: Key | None = None,
    probe: Callable[..., Any] | None = None,
    undo: Callable[..., Any] | None = None,
    in_doubt: _doubt.Policy | None = None,
    retries: int | retry.Retry = 0,
    timeout: float | None = None,
    preconditions: Sequence[Condition] = (),
    postconditions: Sequence[Condition] = (),
    recovery: Recovery | Sequence[str] | None = None,
    name: str | None = None,
    codec: Codec | None = None,
) -> Callable[[F], F]: ...
def effect(
    function: Callable[..., Any] | None = None,
    /,
    *,
    key: Key | None = None,
    probe: Callable[..., Any] | None = None,
    undo: Callable[..., Any] | None = None,
    in_doubt: _doubt.Policy | None = None,
    retries: int | retry.Retry = 0,
    timeout: float | None = None,
    preconditions: Sequence[Condition] = (),
    postconditions: Sequence[Condition] = (),
    recovery: Recovery | Sequence[str] | None = None,
    name: str | None = None,
    codec: Codec | None = None,
) -> Any:
    """Makes a function, plain or async, an effect. Outside an execution it stays what it was.

    That it begins is on disk before its body runs, what it returns afterwards. When a crash falls in
    between, `in_doubt` says how a resume finds out what happened: "probe" asks `probe`, which returns
    the receipt, or None when it never happened (the default with a probe); "ask" waits for a person's
    `omium answer` (the default without); "retry" runs the body again with the same idempotency key;
    "fail" raises InDoubt. `undo` is what a rollback calls. Both get the effect's own arguments, and
    `receipt` and `idempotency_key` where they take them.

    `key` names the arguments that identify the effect, or computes it from them. `retries` and
    `timeout` are those of a step; a probe is asked after every failed attempt. So are the conditions and
    `recovery`, but for this: an effect that fails a postcondition has happened. Its receipt is recorded,
    it is not tried again, and a rollback undoes it.
    """
    policy = _record.policy(retries, timeout, codec, recovery)

    def decorate(function: Any) -> Any:
        if isinstance(function, (staticmethod, classmethod)):
            return type(function)(decorate(function.__func__))
        checks = Checks.of(function, name, preconditions=preconditions, postconditions=postconditions)
        made = Effect(function, name, key, policy, checks, probe, undo, in_doubt)
        _registry.add_effect(made)
        return _acall(made) if made.is_async else _call(made)

    return decorate if function is None else decorate(function)


def _call(effect: Effect) -> Callable[..., Any]:
    @wraps(effect.function)
    def call(*args: Any, **kwargs: Any) -> Any:
        while True:
            place = _place(effect, args, kwargs)
            if place is None:
                return _plain(effect, args, kwargs)
            try:
                return _once(effect, place, args, kwargs)
            except Exception as error:
                go_on = None if place.decided is None else carry(place, error)
                if go_on is None:
                    raise
            if go_on.given:
                _settle(_place(effect, args, kwargs), go_on.value)
                return go_on.value

    return call


def _once(effect: Effect, place: Place, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if (entry := place.recorded) is not None:
        place.arrive(entry.seq)
        return _turns.answer(place, entry)
    try:
        return drive(course(effect, place, args, kwargs))
    finally:
        place.leave()


def _acall(effect: Effect) -> Callable[..., Any]:
    @wraps(effect.function)
    async def acall(*args: Any, **kwargs: Any) -> Any:
        while True:
            place = _place(effect, args, kwargs)
            if place is None:
                return await _plain(effect, args, kwargs)
            try:
                return await _aonce(effect, place, args, kwargs)
            except Exception as error:
                go_on = None if place.decided is None else await acarry(place, error)
                if go_on is None:
                    raise
            if go_on.given:
                await off_loop(_settle, _place(effect, args, kwargs), go_on.value)
                return go_on.value

    return acall


async def _aonce(effect: Effect, place: Place, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        await adrive(_cancelled.again_at(place))
        if (entry := place.recorded) is not None:
            place.arrive(entry.seq)
            if _cancelled.is_cancelled(place.run, entry):
                await _cancelled.again(entry)
            return await _turns.aanswer(place, entry)
        return await adrive(course(effect, place, args, kwargs))
    finally:
        place.leave()


def _settle(place: Place | None, receipt: Any) -> None:
    """Records the receipt that a person gave; one that is on record already stays."""
    if place is not None and place.recorded is None:
        place.arrive(place.commit(place.encode(receipt)))


def _place(effect: Effect, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Place | None:
    frame = _context.frame()
    if frame is None:
        return None
    return Called(frame, effect, args, kwargs)


def _plain(effect: Effect, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The plain function, with a key of its own."""
    _outside.called("effect", effect.name)
    return _intent.keyed(_intent.random_key(), partial(effect.function, *args, **kwargs))()
