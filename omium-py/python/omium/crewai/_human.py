"""What people answer: recorded, so that nobody is asked twice."""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from omium.crewai import _patch
from omium.crewai._call import Call, Kept
from omium.crewai._model import stable
from omium.runtime import _context

if TYPE_CHECKING:
    from collections.abc import Callable

    from omium import _omium
    from omium.runtime._place import Place

__all__ = ["patched_feedback", "patched_input_provider", "patched_provider", "recorded_answers", "watch_providers"]


class recorded_answers:  # noqa: N801  # Used as a context manager, like contextlib's.
    """For a task that asks: puts a provider in place that records what the present one is answered."""

    def __init__(self, task: Any) -> None:
        self._asks = bool(task.human_input)

    def __enter__(self) -> None:
        self._token = None
        if not self._asks:
            return
        from crewai.core.providers import human_input

        provider = human_input.get_provider()
        if not isinstance(provider, _Recording):
            self._token = human_input.set_provider(_recording(provider))

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            from crewai.core.providers import human_input

            human_input.reset_provider(self._token)


class _Recording:
    """Mixed into a provider: its own conversation with the executor, with recorded answers."""


def _recording(provider: Any) -> Any:
    from crewai.core.providers.human_input import SyncHumanInputProvider

    if not isinstance(provider, SyncHumanInputProvider):
        return _Whole(provider)

    class Recording(_Recording, type(provider)):  # type: ignore[misc]
        def __getattr__(self, name: str) -> Any:
            return getattr(provider, name)

        def _prompt_input(self, crew: Any) -> str:
            return str(_ask("human input", {}, partial(provider._prompt_input, crew)))

        async def _prompt_input_async(self, crew: Any) -> str:
            return str(await _aask("human input", {}, partial(provider._prompt_input_async, crew)))

    recording = object.__new__(Recording)
    recording.__dict__.update(vars(provider))
    return recording


class _Whole(_Recording):
    """A provider of the user's own: the answer it arrives at is what is recorded."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def handle_feedback(self, formatted_answer: Any, context: Any) -> Any:
        call = _Answer(formatted_answer, context)
        frame = _context.frame()
        body = partial(self._provider.handle_feedback, formatted_answer, context)
        return body() if frame is None else call.run(frame, body)

    async def handle_feedback_async(self, formatted_answer: Any, context: Any) -> Any:
        call = _Answer(formatted_answer, context)
        frame = _context.frame()
        body = partial(self._provider.handle_feedback_async, formatted_answer, context)
        return await (body() if frame is None else call.arun(frame, body))


class _Answer(Call):
    def __init__(self, answer: Any, context: Any) -> None:
        super().__init__("signal", "human input", {"answer": stable(answer.text)})
        self._answer = answer
        self._context = context

    def keep(self, place: Place, value: Any) -> Kept:
        return Kept(value, place.encode({"output": value.output, "text": value.text, "thought": value.thought}))

    def answer(self, place: Place, entry: _omium.Entry) -> Any:
        self._context.ask_for_human_input = False
        return type(self._answer)(**place.answer(entry))


def _ask(name: str, inputs: dict[str, Any], body: Callable[[], Any]) -> Any:
    frame = _context.frame()
    return body() if frame is None else Call("signal", name, inputs).run(frame, body)


async def _aask(name: str, inputs: dict[str, Any], body: Callable[[], Any]) -> Any:
    frame = _context.frame()
    return await (body() if frame is None else Call("signal", name, inputs).arun(frame, body))


def patched_feedback(method: Callable[..., Any]) -> Callable[..., Any]:
    """Flow._request_human_feedback: the question on the console."""

    @wraps(method)
    def _request_human_feedback(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _ask(
            f"feedback on {kwargs.get('method_name', '')}".strip(),
            stable({"message": kwargs.get("message", args[0] if args else ""), "output": kwargs.get("output")}),
            partial(method, self, *args, **kwargs),
        )

    return _request_human_feedback


def patched_provider(method: Callable[..., Any]) -> Callable[..., Any]:
    """Flow._resolve_feedback_provider: whoever is asked for feedback instead of the console."""

    @wraps(method)
    def _resolve_feedback_provider(self: Any, *args: Any, **kwargs: Any) -> Any:
        provider = method(self, *args, **kwargs)
        return provider if provider is None or _context.frame() is None else _FeedbackProvider(provider)

    return _resolve_feedback_provider


class _FeedbackProvider:
    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def request_feedback(self, context: Any, flow: Any) -> Any:
        return _feedback(self._provider.request_feedback, context, flow)


def watch_providers(flow: Any) -> None:
    """CrewAI 1.14 asks whom the decorator was given, with no method between: so their class is patched."""
    if hasattr(flow, "_resolve_feedback_provider"):
        return
    from crewai.flow.flow_config import flow_config

    methods = [method for owner in type(flow).__mro__ for method in vars(owner).values()]
    configs = [getattr(method, "__human_feedback_config__", None) for method in methods]
    for provider in (flow_config.hitl_provider, *(getattr(each, "provider", None) for each in configs)):
        if provider is not None:
            _patch.inherited(type(provider), "request_feedback", _patched_request)


def _patched_request(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def request_feedback(self: Any, context: Any, flow: Any) -> Any:
        return _feedback(partial(method, self), context, flow)

    return request_feedback


def _feedback(request: Callable[[Any, Any], Any], context: Any, flow: Any) -> Any:
    from inspect import iscoroutinefunction

    ask = _aask if iscoroutinefunction(request) else _ask
    inputs = stable({"message": context.message, "output": context.method_output})
    return ask(f"feedback on {context.method_name}", inputs, partial(request, context, flow))


def patched_input_provider(method: Callable[..., Any]) -> Callable[..., Any]:
    """Flow._resolve_input_provider: whoever answers `flow.ask()`."""

    @wraps(method)
    def _resolve_input_provider(self: Any) -> Any:
        provider = method(self)
        return provider if _context.frame() is None else _InputProvider(provider)

    return _resolve_input_provider


class _InputProvider:
    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def request_input(self, message: str, flow: Any, metadata: Any = None) -> Any:
        body = partial(self._provider.request_input, message, flow, metadata=metadata)
        return _ask("flow input", stable({"message": message}), body)
