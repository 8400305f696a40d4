"""What goes into a prompt, or decides how long it may be, and is another one from day to day.

A date that is injected, and the provider's own count of tokens, which CrewAI asks for over the network before
each call to see whether the conversation is to be summarised.
"""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from omium.crewai._call import Call
from omium.crewai._model import request
from omium.runtime import _context

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["patched_count", "patched_date", "patched_injection"]

_COUNTED = ("messages", "tools", "response_model")
_PROVIDERS = "crewai.llms.providers."


def patched_count(method: Callable[..., Any]) -> Callable[..., Any]:
    """get_input_tokens_count; an estimate that is made here is made again."""
    over_the_network = method.__module__.startswith(_PROVIDERS)

    @wraps(method)
    def get_input_tokens_count(self: Any, *args: Any, **kwargs: Any) -> Any:
        frame = _context.frame()
        body = partial(method, self, *args, **kwargs)
        if frame is None or not over_the_network:
            return body()
        given = {**dict(zip(_COUNTED, args, strict=False)), **kwargs}
        return Call("note", "count of tokens", request(self, given)).run(frame, body)

    return get_input_tokens_count


def patched_date(method: Callable[..., str]) -> Callable[..., str]:
    """Prompts._build_date_block."""

    @wraps(method)
    def _build_date_block(self: Any) -> str:
        frame = _context.frame()
        if frame is None or not getattr(self.agent, "inject_date", False):
            return method(self)
        return str(Call("note", "date", {}).run(frame, partial(method, self)))

    return _build_date_block


def patched_injection(method: Callable[..., None]) -> Callable[..., None]:
    """Agent._inject_date_to_task, as CrewAI 1.14 has it: the date is added to the description."""

    @wraps(method)
    def _inject_date_to_task(self: Any, task: Any) -> None:
        frame = _context.frame()
        if frame is None or not self.inject_date:
            method(self, task)
            return
        plain = task.description

        def body() -> str:
            method(self, task)
            return str(task.description).removeprefix(plain)

        task.description = plain + Call("note", "date", {}).run(frame, body)

    return _inject_date_to_task
