"""The shapes of the providers' answers: when one is whole, when it is a failure, what it used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from omium.wire import usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from omium.wire.usage import Tokens

__all__ = ["SHAPES", "Progress", "Shape", "trouble"]

Progress = Literal["goes on", "may end", "whole", "failed"]
"""What one event of a stream says: only after "may end" is the end of the bytes the end of the answer."""


class Shape(NamedTuple):
    """How one family of interfaces asks and answers."""

    word: str
    """What its entries are called, with the model behind it."""
    asks: tuple[str, ...]
    """Keys of which a request has one. A path alone is no proof: others have a /v1/messages, too."""
    answers: tuple[str, ...]
    """Keys of which a whole JSON answer has one; none: anything goes."""
    progress: Callable[[dict[str, Any]], Progress]
    tokens: Callable[[dict[str, Any], Tokens | None], Tokens | None]
    """Reads the usage out of an answer or an event, given what earlier events said."""
    ends_unmarked: bool = False
    """Nothing marks the last event of a stream, so one that may be the last waits for what follows."""
    names_model: bool = False
    """A request always names its model; others with the same path do not."""
    usage_on_request: bool = False
    """A stream reports its usage only to those who ask for it."""


def trouble(body: dict[str, Any]) -> str | None:
    """What an answer says went wrong, if it says so."""
    inner = body.get("response")
    error = body.get("error") or (inner.get("error") if isinstance(inner, dict) else None)
    if not error:
        return None
    return str(error.get("message") or error) if isinstance(error, dict) else str(error)


def _chat(event: dict[str, Any]) -> Progress:
    # The mark itself, [DONE], is no event.
    if event.get("error"):
        return "failed"
    choices = event.get("choices")
    ended = isinstance(choices, list) and any(isinstance(one, dict) and one.get("finish_reason") for one in choices)
    return "may end" if ended else "goes on"


def _responses(event: dict[str, Any]) -> Progress:
    kind = event.get("type")
    if kind in ("response.completed", "response.incomplete"):
        return "whole"
    return "failed" if kind in ("response.failed", "response.cancelled", "error") else "goes on"


def _messages(event: dict[str, Any]) -> Progress:
    kind = event.get("type")
    if kind == "message_stop":
        return "whole"
    return "failed" if kind == "error" else "goes on"


def _gemini(event: dict[str, Any]) -> Progress:
    if event.get("error"):
        return "failed"
    feedback, candidates = event.get("promptFeedback"), event.get("candidates")
    blocked = isinstance(feedback, dict) and feedback.get("blockReason")
    ended = isinstance(candidates, list) and any(isinstance(c, dict) and c.get("finishReason") for c in candidates)
    return "may end" if blocked or ended else "goes on"


def _interactions(event: dict[str, Any]) -> Progress:
    kind, inner = event.get("event_type"), event.get("interaction")
    status = inner.get("status") if isinstance(inner, dict) else None
    if kind == "error" or status in ("failed", "cancelled"):
        return "failed"
    return "whole" if kind == "interaction.completed" else "goes on"


def _ollama(event: dict[str, Any]) -> Progress:
    if event.get("error"):
        return "failed"
    return "whole" if event.get("done") is True else "goes on"


def _other(event: dict[str, Any]) -> Progress:
    return "failed" if event.get("error") else "may end"


def _bedrock(event: dict[str, Any]) -> Progress:
    # A model's own events, or those of Converse: its last one tells of the usage.
    if "stopReason" in event:
        return "may end"
    return "whole" if "metrics" in event else _messages(event)


def _unknown(_body: dict[str, Any], before: Tokens | None) -> Tokens | None:
    return before


SHAPES: dict[str, Shape] = {
    "chat": Shape("chat", ("messages",), ("choices",), _chat, usage.chat, usage_on_request=True),
    "completions": Shape("complete", ("prompt",), ("choices",), _chat, usage.chat, usage_on_request=True),
    "responses": Shape("responses", ("input", "prompt"), ("output", "status"), _responses, usage.responses),
    "messages": Shape("messages", ("messages",), ("content",), _messages, usage.messages, names_model=True),
    "gemini": Shape(
        "generate", ("contents",), ("candidates", "promptFeedback"), _gemini, usage.gemini, ends_unmarked=True
    ),
    "interactions": Shape("interact", ("input",), ("steps", "outputs", "status"), _interactions, usage.interactions),
    "bedrock": Shape("invoke", (), (), _bedrock, usage.bedrock),
    "embeddings": Shape(
        "embeddings", ("input", "content", "requests"), ("data", "embedding", "embeddings"), _other, usage.embeddings
    ),
    "ollama": Shape(
        "chat", ("messages", "prompt", "input"), ("done", "embeddings"), _ollama, usage.ollama, names_model=True
    ),
    "other": Shape("call", (), (), _other, _unknown),
}
