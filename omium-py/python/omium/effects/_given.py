"""The arguments of one call of an effect, as they are recorded and as its probe and undo get them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from omium import codec
from omium.exceptions import InvalidInput, NotSerializable
from omium.runtime import _arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from omium.runtime._arguments import Parameters

__all__ = ["Given"]


class Given(NamedTuple):
    """Arguments by parameter name, defaults included."""

    name: str
    """Of the effect."""
    parameters: Parameters
    arguments: Mapping[str, Any]
    lost: Mapping[str, str]
    """What could not be recorded and is not here any more, with its type."""
    defaults: Sequence[str]
    """Those that are what their parameters default to."""

    @classmethod
    def of(cls, name: str, parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Given:
        bound = parameters.bind(args, kwargs)
        bound.apply_defaults()
        meant = parameters.given(bound.arguments)
        return cls(name, parameters, bound.arguments, {}, [each for each in bound.arguments if each not in meant])

    def recorded(self, codec_name: str) -> tuple[codec.Blob, dict[str, str]]:
        """The encoded arguments, and what had to be left out of them."""
        try:
            return codec.dumps(dict(self.arguments), codec_name), {}
        except NotSerializable:
            lost = {}
            for name, value in self.arguments.items():
                try:
                    codec.dumps(value, codec_name)
                except NotSerializable:
                    lost[name] = type(value).__qualname__
            kept = {name: value for name, value in self.arguments.items() if name not in lost}
            return codec.dumps(kept, codec_name), lost

    def needs(self, function: Callable[..., Any], lost: Mapping[str, str], what: str) -> None:
        """Refuses an effect whose undo could not be called any more when it is needed."""
        missing = next((name for name in self._wanted(_shape(function)) if name in lost), None)
        if missing is not None:
            raise NotSerializable(
                f"the {what} of {self.name} takes {missing!r}, a {lost[missing]} that cannot be recorded, so it could "
                f"not be called after a restart: let it take plain data only",
                path=missing,
                type=lost[missing],
            )

    def suits(self, function: Callable[..., Any], what: str, *more: str) -> None:
        """Refuses a probe or an undo that could not be called when it is needed, which may be much later."""
        from inspect import signature

        call = self.call(function, **dict.fromkeys(more))
        try:
            # A wrapper takes what it takes itself, whatever it says it wraps.
            signature(call.func, follow_wrapped=False).bind(*call.args, **call.keywords)
        except ValueError:
            return  # A built-in function that does not say what it takes.
        except TypeError as error:
            raise InvalidInput(
                f"the {what} of {self.name}, {_arguments.name_of(function)}, cannot be called: {error}; it is given "
                f"the arguments of {self.name} and, where it takes them, {' and '.join(more)}"
            ) from error

    def call(self, function: Callable[..., Any], **more: Any) -> partial[Any]:
        """The function with these arguments, and those of `more` it takes.

        By name where its parameters are named as the effect's are; it may then leave some out. Else as
        the effect itself was called.
        """
        shape = _shape(function)
        extra = {name: value for name, value in more.items() if shape.takes(name)}
        wanted = [name for name in self._wanted(shape) if name not in extra]
        lost = next((name for name in wanted if name in self.lost), None)
        if lost is not None:
            raise InvalidInput(
                f"{_arguments.name_of(function)} takes {lost!r}, a {self.lost[lost]} that {self.name} was called with "
                "and that could not be recorded: let it take plain data only"
            )
        if self._by_name(shape):
            return partial(function, **{name: self.arguments[name] for name in wanted}, **extra)
        bound = self.parameters.rebind(self.arguments, self.defaults)
        if bound is None:
            raise InvalidInput(f"{self.name} does not take the arguments it was called with any more")
        args, named = list(bound.args), {**bound.kwargs, **extra}
        # What omium gives comes in the place of an argument of the same name, wherever that one stands.
        for at, (own, name) in enumerate(zip(self.parameters.in_order, shape.in_order, strict=False)):
            if at < len(args) and own == name in extra:
                args[at] = named.pop(name)
        return partial(function, *args, **named)

    def _wanted(self, shape: _Shape) -> list[str]:
        known = [*self.arguments, *self.lost]
        return [name for name in known if shape.takes(name)] if self._by_name(shape) else known

    def _by_name(self, shape: _Shape) -> bool:
        known = {*self.arguments, *self.lost, *_MORE}
        return not shape.positional and not self.parameters.variadic and shape.required <= known


_MORE = ("receipt", "idempotency_key")


class _Shape(NamedTuple):
    """How a function can be called."""

    names: frozenset[str]
    in_order: tuple[str, ...]
    """Those that may be given without their name, from the first."""
    required: frozenset[str]
    any_name: bool
    positional: bool
    """Whether it takes arguments that have no name."""

    def takes(self, name: str) -> bool:
        return self.any_name or name in self.names


def _shape(function: Callable[..., Any]) -> _Shape:
    from inspect import Parameter, signature

    try:
        known = signature(function)
    except ValueError:
        # A built-in function without a signature: it gets what the effect got.
        return _Shape(frozenset(), (), frozenset(), any_name=False, positional=True)
    parameters = known.parameters.values()
    named = [each for each in parameters if each.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)]
    return _Shape(
        frozenset(each.name for each in named),
        _arguments.in_order(known),
        frozenset(each.name for each in named if each.default is Parameter.empty),
        any(each.kind is Parameter.VAR_KEYWORD for each in parameters),
        any(each.kind in (Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL) for each in parameters),
    )
