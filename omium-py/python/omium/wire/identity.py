"""What of a request's body makes it this request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["meaningful", "numbered"]

_VOLATILE = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "user",
    }
)
"""They say who asks, or how the provider is to serve it, and change nothing about the answer."""

_REFERENCES = frozenset({"call_id", "tool_call_id", "tool_use_id"})
_CALLS = frozenset({"functionCall", "functionResponse", "function_call", "function_response"})


def meaningful(body: dict[str, Any]) -> dict[str, Any]:
    """The body without what changes nothing, and with the ids of tool calls numbered."""
    kept: dict[str, Any] = numbered({key: value for key, value in body.items() if key not in _VOLATILE})
    return kept


def numbered(tree: Any) -> Any:
    """The same with the ids of tool calls numbered.

    Such an id only ties a result to its call, and some frameworks make up a new one in every process.
    """
    numbers: dict[str, str] = {}
    for id in _call_ids(tree):
        numbers.setdefault(id, f"call {len(numbers) + 1}")
    return _numbered(tree, numbers) if numbers else tree


def _call_ids(tree: Any) -> Iterator[str]:
    if isinstance(tree, list):
        for item in tree:
            yield from _call_ids(item)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if key in _REFERENCES and isinstance(value, str):
                yield value
            elif key in _CALLS and isinstance(value, dict) and isinstance(value.get("id"), str):
                yield value["id"]
            yield from _call_ids(value)


def _numbered(tree: Any, numbers: dict[str, str]) -> Any:
    if isinstance(tree, list):
        return [_numbered(item, numbers) for item in tree]
    if isinstance(tree, dict):
        return {
            key: numbers[value]
            if isinstance(value, str) and value in numbers and (key == "id" or key in _REFERENCES)
            else _numbered(value, numbers)
            for key, value in tree.items()
        }
    return tree
