"""Tool calls: `run` and `arun` of every tool, and `invoke` and `ainvoke` of its structured twin."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Literal, get_args

from omium import codec
from omium.crewai._model import stable
from omium.crewai._nested import Nested
from omium.effects import _doubt, _intent
from omium.exceptions import InvalidInput, NotSerializable
from omium.runtime import _context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from omium import _omium
    from omium.crewai._call import Kept
    from omium.runtime._place import Place

__all__ = [
    "InDoubtPolicy",
    "patched_ainvoke",
    "patched_arun",
    "patched_invoke",
    "patched_run",
    "settle_by",
]

InDoubtPolicy = Literal["retry", "ask", "fail"]

_policies: dict[str, InDoubtPolicy] = {}
_DEFAULT = ""
"""The key of the policy for tools that none is named for; no tool has this name."""

_running: ContextVar[int] = ContextVar("omium_crewai_tool", default=0)
"""The id of the tool that runs: a method that calls its parent's is one call."""


def settle_by(default: InDoubtPolicy, tools: Mapping[str, InDoubtPolicy]) -> None:
    """What happens to a tool call that began and left no outcome."""
    allowed = get_args(InDoubtPolicy)
    for policy in (default, *tools.values()):
        if policy not in allowed:
            raise InvalidInput(f"in_doubt is one of {', '.join(map(repr, allowed))}, not {policy!r}")
    _policies.clear()
    _policies.update(tools)
    _policies[_DEFAULT] = default


def patched_run(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        frame = _context.frame()
        if frame is None or _running.get() == id(self):
            return method(self, *args, **kwargs)
        call = _ToolCall(self, {"args": list(args), **kwargs} if args else kwargs)
        return call.run(frame, partial(method, self, *args, **kwargs))

    return run


def patched_arun(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def arun(self: Any, *args: Any, **kwargs: Any) -> Any:
        frame = _context.frame()
        if frame is None or _running.get() == id(self):
            return await method(self, *args, **kwargs)
        call = _ToolCall(self, {"args": list(args), **kwargs} if args else kwargs)
        return await call.arun(frame, partial(method, self, *args, **kwargs))

    return arun


def patched_invoke(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def invoke(self: Any, input: Any, config: Any = None, **kwargs: Any) -> Any:
        frame = _context.frame()
        if frame is None:
            return method(self, input, config, **kwargs)
        call = _ToolCall(self, _arguments(input, kwargs))
        return call.run(frame, partial(method, self, input, config, **kwargs))

    return invoke


def patched_ainvoke(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def ainvoke(self: Any, input: Any, config: Any = None, **kwargs: Any) -> Any:
        frame = _context.frame()
        if frame is None:
            return await method(self, input, config, **kwargs)

        async def body() -> Any:
            from asyncio import to_thread
            from inspect import iscoroutinefunction

            if iscoroutinefunction(self.func):
                return await method(self, input, config, **kwargs)
            # CrewAI would run a plain function in a thread without the context, where nothing is recorded.
            plain = getattr(type(self).invoke, "__wrapped__", type(self).invoke)
            return await to_thread(plain, self, input, config, **kwargs)

        return await _ToolCall(self, _arguments(input, kwargs)).arun(frame, body)

    return ainvoke


def _arguments(input: Any, kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(input, str):
        import json

        try:
            input = json.loads(input)
        except ValueError:
            return {"input": input, **kwargs}
    return {**input, **kwargs} if isinstance(input, dict) else {"input": input, **kwargs}


class _ToolCall(Nested):
    def __init__(self, tool: Any, arguments: Mapping[str, Any]) -> None:
        from crewai.utilities.string_utils import sanitize_tool_name

        super().__init__("tool", sanitize_tool_name(tool.name), stable(dict(arguments)))
        self._tool = tool
        self._key = ""

    def run(self, frame: _context.Frame, body: Callable[[], Any]) -> Any:
        token = _running.set(id(self._tool))
        try:
            return super().run(frame, self._keyed(body))
        finally:
            _running.reset(token)

    async def arun(self, frame: _context.Frame, body: Callable[[], Any]) -> Any:
        token = _running.set(id(self._tool))
        try:
            return await super().arun(frame, self._keyed(body))
        finally:
            _running.reset(token)

    def begin(self, place: Place) -> None:
        if _delegates(self._tool):
            # A coworker's work is recorded call by call: what began is gone on with.
            return
        run = place.run
        key = _intent.key_of(run.native.id, run.native.epoch, place.address)
        if place.intent is not None:
            note = _intent.read(place.intent)
            if not note.cleared and run.native.doubt(place.intent) != "anew":
                key = note.key
                self._settle(place, place.intent.seq)
        place.intend(_intent.Note(key, run.native.id, run.native.epoch).blob())
        self._key = key

    def _keyed(self, body: Callable[[], Any]) -> Callable[[], Any]:
        def call() -> Any:
            # The key is known when the call has begun.
            return _intent.keyed(self._key, body)()

        return call

    def _settle(self, place: Place, intent: int) -> None:
        policy = _policies.get(self.name, _policies[_DEFAULT])
        if policy != "retry":
            why = "its run ended before it left a result"
            raise _doubt.refusal(policy, self.name, place.run.native.id, intent, why)

    def keep(self, place: Place, value: Any) -> Kept:
        try:
            return super().keep(place, value)
        except NotSerializable:
            # The model is shown the text of a result, so the text is what must be the same again.
            text = _text(self._tool, value)
            return self.spent(text, place.encode(text))

    def failed(self, place: Place, error: Exception) -> None:
        """The model is told of a failure and goes on from it, so it is an outcome like any other."""
        place.commit(codec.dumps_failure(error))

    def answer(self, place: Place, entry: _omium.Entry) -> Any:
        _count_use(self._tool)
        value = super().answer(place, entry)
        if isinstance(value, Exception):
            raise value
        return value


def _delegates(tool: Any) -> bool:
    from crewai.tools.agent_tools.base_agent_tools import BaseAgentTool

    return isinstance(tool, BaseAgentTool) or isinstance(getattr(tool, "_original_tool", None), BaseAgentTool)


def _text(tool: Any, value: Any) -> str:
    shown = getattr(tool, "format_output_for_agent", str)
    return str(shown(value))


def _count_use(tool: Any) -> None:
    """As the call itself would have: a tool may be limited to a number of uses."""
    if hasattr(tool, "_increment_usage_count"):
        tool._increment_usage_count()
    elif hasattr(tool, "current_usage_count"):
        tool.current_usage_count += 1
