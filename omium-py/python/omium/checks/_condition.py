"""One condition: a function, an expression or a schema, asked in the same way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from omium import _omium
from omium.checks._plain import plain
from omium.exceptions import InvalidInput
from omium.runtime import _arguments
from omium.runtime._live import is_abort

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Breach", "Condition", "Test", "parse"]

Condition = str | Mapping[str, Any] | Callable[..., Any]
"""CEL such as `"size(result) > 0"`; a JSON Schema as a dict; a function of the result, and of those
arguments of the step that it names."""

_RESULT = "result"
_ARGUMENTS = "args"
_JSON_SCHEMA = "JSON Schema"


class Breach(NamedTuple):
    """How a condition does not hold."""

    reason: str | None = None
    path: str | None = None
    """The part of the value that is to blame, and what stands there."""
    part: Any = None
    cause: Exception | None = None


class Test(NamedTuple):
    """A condition that is ready to be asked."""

    label: str
    """The expression, or the name of the function or schema."""
    ask: Callable[[Any, Mapping[str, Any]], Any]
    """Whether it holds for a result and the arguments: None when it does, else the Breach; or an
    awaitable of that."""
    is_async: bool = False

    @property
    def shown(self) -> str:
        """What it is called in messages."""
        return self.label if self.label.isidentifier() or self.label.startswith(_JSON_SCHEMA) else repr(self.label)


def parse(condition: Condition, names: Collection[str] | None, *, of_result: bool) -> Test:
    """Compiles a condition. `names` are the parameters it may refer to; None: not known.

    A mistake in it is found here, when the function is decorated, and not when it is called.
    """
    if isinstance(condition, str):
        return _expression(condition, names, of_result=of_result)
    if isinstance(condition, Mapping):
        return _schema(condition, of_result=of_result)
    if callable(condition):
        return _function(condition, names, of_result=of_result)
    raise InvalidInput(
        f"a condition is a function, a CEL expression or a JSON Schema, not a {type(condition).__qualname__}"
    )


def _expression(text: str, names: Collection[str] | None, *, of_result: bool) -> Test:
    compiled = _omium.Cel(text)
    wanted = compiled.names
    known = {*(names or wanted), _ARGUMENTS, *([_RESULT] if of_result else [])}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        here = ", ".join(sorted(known))
        raise InvalidInput(f"{text!r} refers to {unknown[0]!r}, which is not there: it can use {here}")

    def ask(result: Any, arguments: Mapping[str, Any]) -> Breach | None:
        given = {**arguments, _ARGUMENTS: arguments}
        if of_result:
            given[_RESULT] = result
        try:
            holds = compiled.evaluate({name: plain(given[name]) for name in wanted if name in given})
        except (InvalidInput, UnicodeError) as error:
            why = str(error)
            return Breach(why.partition(" cannot be evaluated: ")[2] or why, cause=error)
        return None if holds else Breach()

    return Test(text, ask)


def _schema(schema: Mapping[str, Any], *, of_result: bool) -> Test:
    compiled = _omium.Schema(plain(dict(schema)))
    title = schema.get("title") or schema.get("$id")
    label = _JSON_SCHEMA if title is None else f"{_JSON_SCHEMA} {title}"
    root = _RESULT if of_result else _ARGUMENTS

    def ask(result: Any, arguments: Mapping[str, Any]) -> Breach | None:
        try:
            value = plain(result if of_result else dict(arguments))
            failures = compiled.failures(value)
        except (InvalidInput, UnicodeError) as error:
            return Breach(str(error), cause=error)
        if not failures:
            return None
        pointer, message = failures[0]
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        path, part = root, value
        for name in (each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")[1:]):
            part = part[int(name)] if isinstance(part, list) else part[name]
            path += _step(name)
        return Breach(message + more, path, part)

    return Test(label, ask)


def _step(name: str) -> str:
    """One member as it is written in Python: `.price`, `[0]`, `['a b']`."""
    if name.isdecimal():
        return f"[{name}]"
    return f".{name}" if re.fullmatch(r"[^\W\d]\w*", name) else f"[{name!r}]"


def _function(function: Callable[..., Any], names: Collection[str] | None, *, of_result: bool) -> Test:
    call = _adapted(function, names, of_result=of_result)
    is_async = _arguments.is_async(function)

    async def aask(result: Any, arguments: Mapping[str, Any]) -> Breach | None:
        try:
            return _judged(await call(result, arguments))
        except Exception as error:  # noqa: BLE001  # _raised says what becomes of it.
            return _raised(error)

    def ask(result: Any, arguments: Mapping[str, Any]) -> Breach | None:
        try:
            return _judged(call(result, arguments))
        except Exception as error:  # noqa: BLE001  # _raised says what becomes of it.
            return _raised(error)

    return Test(_arguments.name_of(function), aask if is_async else ask, is_async)


def _adapted(
    function: Callable[..., Any], names: Collection[str] | None, *, of_result: bool
) -> Callable[[Any, Mapping[str, Any]], Any]:
    """The function as one of the result and all arguments; it gets those it has parameters for."""
    from inspect import Parameter, signature

    try:
        parameters = list(signature(function).parameters.values())
    except ValueError:
        # A built-in without a signature, such as a type: it judges the result, or the arguments as a whole.
        return lambda result, arguments: function(result if of_result else arguments)
    own = of_result and bool(parameters) and parameters[0].kind is not Parameter.KEYWORD_ONLY
    rest = parameters[1:] if own and parameters[0].kind is not Parameter.VAR_POSITIONAL else parameters
    everything = any(each.kind is Parameter.VAR_KEYWORD for each in rest)
    needed = [
        each.name
        for each in rest
        if each.default is Parameter.empty and each.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
    ]
    unknown = [name for name in needed if names is not None and name not in names]
    if unknown:
        what = f"{_arguments.name_of(function)} has a parameter {unknown[0]!r}, and the function it judges has none"
        raise InvalidInput(f"{what}: there are {', '.join(sorted(names or ())) or 'no parameters'}")
    named = {each.name for each in rest if each.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)}

    def call(result: Any, arguments: Mapping[str, Any]) -> Any:
        given = {name: value for name, value in arguments.items() if everything or name in named}
        return function(result, **given) if own else function(**given)

    return call


def _judged(answer: Any) -> Breach | None:
    if isinstance(answer, str):
        return Breach(answer or None)
    if hasattr(answer, "__await__"):
        if hasattr(answer, "close"):
            answer.close()
        return Breach("it returned an awaitable, which says nothing yet: make it an async function")
    if answer is None:
        return Breach("it returned None: a condition returns True when it holds")
    return None if answer else Breach()


def _raised(error: Exception) -> Breach:
    """A condition that raises does not hold, and says why. What ends the execution goes on doing so."""
    if is_abort(error):
        raise error
    return Breach(f"{type(error).__qualname__}: {error}" if str(error) else type(error).__qualname__, cause=error)
