"""The gate: what a function must meet before it runs, and its result before it is recorded as done."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

from omium.checks._condition import Breach, Condition, Test, parse
from omium.exceptions import CheckFailed, InvalidInput, PostconditionFailed, PreconditionFailed
from omium.runtime import _arguments
from omium.view._preview import preview

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from omium.runtime._arguments import Parameters

__all__ = ["NONE", "Checks"]


class Checks(NamedTuple):
    """The conditions of one function."""

    step: str
    preconditions: tuple[Test, ...] = ()
    postconditions: tuple[Test, ...] = ()
    conditions: tuple[Condition, ...] = ()
    """As they were given."""

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        name: str | None = None,
        *,
        preconditions: Sequence[Condition] = (),
        postconditions: Sequence[Condition] = (),
    ) -> Checks:
        """Compiles the conditions of a decorator."""
        if not preconditions and not postconditions:
            return NONE
        for what, given in (("preconditions", preconditions), ("postconditions", postconditions)):
            if not isinstance(given, (list, tuple)):
                raise InvalidInput(f"{what} is a list of conditions, not a {type(given).__qualname__}")
        from inspect import signature

        names = tuple(signature(function).parameters)
        made = cls(
            _arguments.label(function, name),
            tuple(parse(each, names, of_result=False) for each in preconditions),
            tuple(parse(each, names, of_result=True) for each in postconditions),
            (*preconditions, *postconditions),
        )
        late = next((each for each in (*made.preconditions, *made.postconditions) if each.is_async), None)
        if late is not None and not _arguments.is_async(function):
            raise InvalidInput(f"{late.label} is async and {made.step} is not: make both async, or neither")
        return made

    def __bool__(self) -> bool:
        return bool(self.preconditions or self.postconditions)

    def around(self, function: Callable[..., Any], parameters: Parameters) -> Callable[..., Any]:
        """The function within its conditions."""
        if not self:
            return function
        if _arguments.is_async(function):

            @wraps(function)
            async def acall(*args: Any, **kwargs: Any) -> Any:
                arguments = _given(parameters, args, kwargs)
                await self.abefore(arguments)
                value = await function(*args, **kwargs)
                await self.aafter(value, arguments)
                return value

            return acall

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            arguments = _given(parameters, args, kwargs)
            self.before(arguments)
            value = function(*args, **kwargs)
            self.after(value, arguments)
            return value

        return call

    def before(self, arguments: Mapping[str, Any]) -> None:
        """Raises PreconditionFailed at the first condition that does not hold."""
        for test in self.preconditions:
            self._settle(PreconditionFailed, test, test.ask(None, arguments), "args", dict(arguments))

    def after(self, value: Any, arguments: Mapping[str, Any]) -> None:
        """Raises PostconditionFailed at the first condition that does not hold."""
        for test in self.postconditions:
            self._settle(PostconditionFailed, test, test.ask(value, arguments), "result", value)

    async def abefore(self, arguments: Mapping[str, Any]) -> None:
        for test in self.preconditions:
            breach = await _later(test.ask(None, arguments))
            self._settle(PreconditionFailed, test, breach, "args", dict(arguments))

    async def aafter(self, value: Any, arguments: Mapping[str, Any]) -> None:
        for test in self.postconditions:
            self._settle(PostconditionFailed, test, await _later(test.ask(value, arguments)), "result", value)

    def _settle(self, kind: type[CheckFailed], test: Test, breach: Breach | None, root: str, value: Any) -> None:
        if breach is None:
            return
        what = "precondition" if kind is PreconditionFailed else "postcondition"
        shown = preview(value if breach.path is None else breach.part)
        because = f": {breach.reason}" if breach.reason else " does not hold"
        raise kind(
            f"{self.step}: {what} {test.shown}{because}; {breach.path or root} = {shown}",
            step=self.step,
            condition=test.label,
            reason=breach.reason,
            path=breach.path or root,
            preview=shown,
        ) from breach.cause


NONE = Checks("")


def _given(parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    bound = parameters.bind(args, kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


async def _later(answer: Breach | Awaitable[Breach | None] | None) -> Breach | None:
    if answer is None or isinstance(answer, Breach):
        return answer
    return await answer
