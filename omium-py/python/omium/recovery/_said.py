"""What recorded values say, as trees to compare and to search: of a model's answer without its envelope."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from omium.view._inspect import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omium import _omium

__all__ = ["given", "said"]

_BYTES_MAX = 1_000_000
_ENVELOPE = frozenset(
    {
        "created",
        "created_at",
        "id",
        "item_id",
        "model",
        "object",
        "responseId",
        "sequence_number",
        "service_tier",
        "system_fingerprint",
        "usage",
        "usageMetadata",
    }
)
"""They are different each time, or say nothing of the answer."""
_PIECES = ("content", "text", "delta", "arguments", "partial_json", "name")


def given(entry: _omium.Entry) -> Any:
    """The inputs of an entry; None when there are none, or they are too big to look at."""
    return _tree(entry.input)


def said(entry: _omium.Entry) -> Any:
    """The value of an entry, in the same way."""
    value = _tree(entry.value)
    if entry.kind != "llm" or not isinstance(value, dict) or not isinstance(value.get("chunks"), list):
        return value
    body = "".join(each for each in value["chunks"] if isinstance(each, str))
    try:
        return _bare(json.loads(body))
    except ValueError:
        return {"text": "".join(_pieces(body))}


def _tree(value: _omium.Value | None) -> Any:
    if value is None or value.size_bytes > _BYTES_MAX:
        return None
    return plain(value.codec, value.read())


def _bare(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _bare(value) for key, value in tree.items() if key not in _ENVELOPE}
    return [_bare(each) for each in tree] if isinstance(tree, list) else tree


def _pieces(stream: str) -> Iterator[str]:
    """The texts of an event stream, in their order."""
    for line in stream.splitlines():
        if line.startswith("data:"):
            try:
                yield from _texts(_bare(json.loads(line[5:])))
            except ValueError:
                continue  # The mark at the end, or half a line where the stream broke off.


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, list):
        for each in tree:
            yield from _texts(each)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            if isinstance(value, str) and key in _PIECES:
                yield value
            else:
                yield from _texts(value)
