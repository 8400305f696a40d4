"""A plain tree -> text for people: one line when it fits, else one line a member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.view._inspect import Typed
from omium.view._text import clip, size, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["lines", "one_line"]

_INDENT = "  "


def one_line(tree: Any, width: int) -> str:
    """The tree on one line of at most `width` columns."""
    parts: list[str] = []
    used = 0
    for token in _tokens(tree, text_limit=width + 1):
        parts.append(token)
        used += len(token)
        if used > width * 2 + 8:
            break
    return clip("".join(parts), width)


def lines(tree: Any, width: int, *, lead: str = "", indent: str = "") -> Iterator[str]:
    """The whole tree as lines that keep to `width` where the data allows it.

    `lead` stands before the first line (`name = `), `indent` before all of them.
    """
    yield from _lines(tree, width, indent + lead, indent, "")


def _lines(tree: Any, width: int, lead: str, indent: str, tail: str) -> Iterator[str]:
    room = width - width_of(lead) - len(tail)
    flat = one_line(tree, max(room, 1) + 1)
    if width_of(flat) <= room and not flat.endswith("…"):
        yield f"{lead}{flat}{tail}"
        return
    inner = indent + _INDENT
    if isinstance(tree, str):
        yield f'{lead}"""'
        for row in _wrap(tree, max(width - len(inner), 20)):
            yield inner + row if row else ""
        yield f'{indent}"""{tail}'
        return
    opening, closing, members = _members(tree)
    if not members:
        yield f"{lead}{one_line(tree, 10_000_000)}{tail}"
        return
    yield f"{lead}{opening}"
    for label, value in members:
        yield from _lines(value, width, inner + label, inner, ",")
    yield f"{indent}{closing}{tail}"


def _members(tree: Any) -> tuple[str, str, list[tuple[str, Any]]]:
    if isinstance(tree, dict):
        return "{", "}", [(f"{_scalar(key)}: ", value) for key, value in tree.items()]
    if isinstance(tree, list):
        return "[", "]", [("", value) for value in tree]
    if isinstance(tree, Typed):
        opening, closing = _brackets(tree)
        return opening, closing, _arguments(tree)
    return "", "", []


def _brackets(tree: Typed) -> tuple[str, str]:
    if isinstance(tree.value, list):
        if tree.name == "tuple":
            return "(", ")"
        if tree.name == "set" and tree.value:
            return "{", "}"
        if tree.name == "frozenset":
            return "frozenset({", "})"
    return f"{tree.short}(", ")"


def _arguments(tree: Typed) -> list[tuple[str, Any]]:
    if isinstance(tree.value, dict):
        message = tree.name.startswith("langchain_core.messages.")
        return [
            (f"{key}=", value)
            for key, value in tree.value.items()
            # A message carries a dozen empty fields; they say nothing to a reader.
            if not (message and (key == "type" or value is None or value in ({}, [], "")))
        ]
    if isinstance(tree.value, list):
        return [("", value) for value in tree.value]
    return [("", tree.value)]


def _scalar(value: Any, limit: int = 0) -> str:
    if isinstance(value, str) and limit and len(value) > limit:
        return repr(value[:limit])
    if isinstance(value, bytes) and len(value) > 24:
        return f"<{size(len(value))}: {value[:8].hex(' ')} …>"
    if isinstance(value, (dict, list, Typed)):
        return "".join(_tokens(value, text_limit=limit))
    return repr(value)


def _tokens(tree: Any, text_limit: int) -> Iterator[str]:
    """The pieces of the one-line form, lazily: a reader stops when the line is full."""
    if not isinstance(tree, (dict, list, Typed)):
        yield _scalar(tree, text_limit)
        return
    opening, closing, members = _members(tree)
    yield opening
    for index, (label, value) in enumerate(members):
        yield f", {label}" if index else label
        yield from _tokens(value, text_limit)
    if isinstance(tree, Typed) and tree.name == "tuple" and len(members) == 1:
        yield ","
    yield closing


def _wrap(text: str, width: int) -> Iterator[str]:
    for row in text.split("\n"):
        rest = "".join(char if char.isprintable() else repr(char)[1:-1] for char in row)
        while width_of(rest) > width:
            head = clip(rest, width, "")
            cut = head.rfind(" ") + 1 or len(head)
            yield rest[:cut].rstrip()
            rest = rest[cut:]
        yield rest
