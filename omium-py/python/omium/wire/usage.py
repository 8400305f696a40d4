"""Tokens a model call used, as the providers report them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from typing import TypeGuard

__all__ = ["Tokens", "bedrock", "chat", "embeddings", "gemini", "interactions", "messages", "ollama", "responses"]

_COUNT_MAX = 10**12


class Tokens(NamedTuple):
    """One call's tokens. `input` and `output` are totals; the others say what part of them is special."""

    input: int = 0
    output: int = 0
    cached: int = 0
    """Input read from the provider's cache."""
    cache_write: int = 0
    """Input written to the provider's cache."""
    cache_write_long: int = 0
    """The part of `cache_write` that is kept for an hour."""
    reasoning: int = 0
    """Output that was thought and not said."""

    def counters(self) -> dict[str, int]:
        """As they stand in the record; the special ones only where there are any."""
        special = {
            "cached_tokens": self.cached,
            "cache_write_tokens": self.cache_write,
            "reasoning_tokens": self.reasoning,
        }
        counted = {name: count for name, count in special.items() if count}
        return {"input_tokens": self.input, "output_tokens": self.output, **counted}


def chat(body: dict[str, Any], before: Tokens | None) -> Tokens | None:
    """OpenAI chat completions, completions and embeddings; in a stream the last chunk that has any."""
    usage = _part(body, "usage")
    if not _tells(usage, "prompt_tokens", "completion_tokens"):
        return before
    read, said = _part(usage, "prompt_tokens_details"), _part(usage, "completion_tokens_details")
    asked = _count(usage, "prompt_tokens")
    return Tokens(
        input=asked,
        # Gemini and xAI count what was thought in the total only.
        output=max(_count(usage, "completion_tokens"), _count(usage, "total_tokens") - asked),
        # DeepSeek reports its cache beside the totals.
        cached=_count(read, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens"),
        cache_write=_count(read, "cache_write_tokens"),
        reasoning=_count(said, "reasoning_tokens"),
    )


def responses(body: dict[str, Any], before: Tokens | None) -> Tokens | None:
    """OpenAI responses; in a stream the answer stands inside the last event."""
    usage = _part(_part(body, "response"), "usage") or _part(body, "usage")
    if not _tells(usage, "input_tokens", "output_tokens"):
        return before
    read, said = _part(usage, "input_tokens_details"), _part(usage, "output_tokens_details")
    return Tokens(
        input=_count(usage, "input_tokens"),
        output=_count(usage, "output_tokens"),
        cached=_count(read, "cached_tokens"),
        cache_write=_count(read, "cache_write_tokens"),
        reasoning=_count(said, "reasoning_tokens"),
    )


def messages(body: dict[str, Any], before: Tokens | None) -> Tokens | None:
    """Anthropic messages. `input_tokens` there is what the cache had no part in.

    A stream tells the input when it begins and the output as it grows: every later figure replaces
    the earlier one.
    """
    usage = _part(_part(body, "message"), "usage") or _part(body, "usage")
    if not _tells(usage, "input_tokens", "output_tokens"):
        return before
    known = before or Tokens()
    write = _count(usage, "cache_creation_input_tokens", known.cache_write)
    cached = _count(usage, "cache_read_input_tokens", known.cached)
    plain = _count(usage, "input_tokens", known.input - known.cache_write - known.cached)
    return Tokens(
        input=plain + write + cached,
        output=_count(usage, "output_tokens", known.output),
        cached=cached,
        cache_write=write,
        cache_write_long=_count(_part(usage, "cache_creation"), "ephemeral_1h_input_tokens", known.cache_write_long),
        reasoning=_count(_part(usage, "output_tokens_details"), "thinking_tokens", known.reasoning),
    )


def bedrock(body: dict[str, Any], before: Tokens | None) -> Tokens | None:
    """Amazon Bedrock: Converse has names of its own, other models there are read as Anthropic's."""
    usage = _part(body, "usage")
    if "inputTokens" not in usage:
        return messages(body, before)
    cached, write = _count(usage, "cacheReadInputTokens"), _count(usage, "cacheWriteInputTokens")
    return Tokens(
        input=_count(usage, "inputTokens") + cached + write,
        output=_count(usage, "outputTokens"),
        cached=cached,
        cache_write=write,
    )


def gemini(body: dict[str, Any], before: Tokens | None) -> Tokens | None:
    """Google Gemini: thoughts are counted apart from the answer, and billed as output."""
    usage = _part(body, "usageMetadata")
    if not _tells(usage, "promptTokenCount", "candidatesTokenCount"):
        return before
    thoughts = _count(usage, "thoughtsTokenCount")
    return Tokens(
        input=_count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount"),
        output=_count(usage, "candidatesTokenCount") + thoughts,
        cached=_count(usage, "cachedContentTokenCount"),
        reasoning=thoughts,
    )


def interactions(body: dict[str, Any], before: Tokens | None) -> Tokens | None:
    """Google's interactions; in a stream the answer stands inside the last event."""
    usage = _part(_part(body, "interaction"), "usage") or _part(body, "usage")
    if not _tells(usage, "total_input_tokens", "total_output_tokens"):
        return before
    thoughts = _count(usage, "total_thought_tokens")
    return Tokens(
        input=_count(usage, "total_input_tokens") + _count(usage, "total_tool_use_tokens"),
        output=_count(usage, "total_output_tokens") + thoughts,
        cached=_count(usage, "total_cached_tokens"),
        reasoning=thoughts,
    )


def embeddings(body: dict[str, Any], before: Tokens | None) -> Tokens | None:
    """Embeddings of OpenAI, and of Google."""
    return gemini(body, chat(body, before))


def ollama(body: dict[str, Any], before: Tokens | None) -> Tokens | None:
    """Ollama's own interface; the counts come with the last line."""
    if not _tells(body, "prompt_eval_count", "eval_count"):
        return before
    return Tokens(input=_count(body, "prompt_eval_count"), output=_count(body, "eval_count"))


def _part(body: dict[str, Any], key: str) -> dict[str, Any]:
    part = body.get(key)
    return part if isinstance(part, dict) else {}


def _tells(usage: dict[str, Any], *keys: str) -> bool:
    """Whether there is a count at all: what is not said must not pass for nothing used."""
    return any(_is_count(usage.get(key)) for key in keys)


def _count(body: dict[str, Any], key: str, default: int = 0) -> int:
    count = body.get(key)
    return int(count) if _is_count(count) else default


def _is_count(count: Any) -> TypeGuard[int | float]:
    # A provider's null means that it does not count this; anything absurd would break every sum.
    return type(count) in (int, float) and 0 <= count <= _COUNT_MAX and int(count) == count
