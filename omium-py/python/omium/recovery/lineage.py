"""Where a value came from, told by content: which recorded outputs stand in the inputs of a later step.

Works on plain trees, so it needs neither the code nor its classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from omium._inspect import Typed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Source", "sources"]

_NODES_MAX = 20_000
_TEXT_CHARS_MIN = 4
"""A shorter text is found by chance."""
_QUOTED_CHARS_MIN = 12
"""The same for a text within another one, such as an answer in a prompt."""
_NUMBER_MIN = 100


class Source(NamedTuple):
    """An output that a later input was made of."""

    seq: int
    how: str
    """`whole`, `part` or `quoted`."""
    path: str
    """Where in the input it stands."""


def sources(given: Any, outputs: Sequence[tuple[int, Any]]) -> list[Source]:
    """The outputs that occur in an input, each once, the strongest evidence first, then the newest."""
    present: dict[str, str] = {}
    texts: list[tuple[str, str]] = []
    for path, value in _walk(given):
        present.setdefault(_mark(value), path)
        if isinstance(value, str) and len(value) >= _QUOTED_CHARS_MIN:
            texts.append((path, value))
    found = []
    for seq, output in outputs:
        source = _source(seq, output, present, texts)
        if source is not None:
            found.append(source)
    strength = {"whole": 0, "part": 1, "quoted": 1}
    return sorted(found, key=lambda each: (strength[each.how], -each.seq))


def _source(seq: int, output: Any, present: dict[str, str], texts: Iterable[tuple[str, str]]) -> Source | None:
    parts = list(_walk(output))
    for index, (_, part) in enumerate(parts):
        mark = _mark(part)
        if mark in present and _telling(part):
            return Source(seq, "whole" if index == 0 else "part", present[mark])
    for _, part in parts:
        if isinstance(part, str) and len(part) >= _QUOTED_CHARS_MIN:
            for path, text in texts:
                if part in text:
                    return Source(seq, "quoted", path)
    return None


def _telling(value: Any) -> bool:
    """Whether finding it elsewhere is no coincidence."""
    if isinstance(value, (str, bytes)):
        return len(value) >= _TEXT_CHARS_MIN
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, (int, float)):
        return abs(value) >= _NUMBER_MIN or value != int(value)
    if isinstance(value, dict):
        return any(_telling(each) for each in value.values())
    if isinstance(value, Typed):
        return _telling(value.value)
    return isinstance(value, list) and any(_telling(each) for each in value)


def _mark(value: Any) -> str:
    return repr(value)


def _walk(tree: Any) -> Iterator[tuple[str, Any]]:
    """The tree and everything in it, outer values first."""
    ahead: list[tuple[str, Any]] = [("", tree)]
    for _ in range(_NODES_MAX):
        if not ahead:
            return
        path, value = ahead.pop(0)
        yield path, value
        inner = value.value if isinstance(value, Typed) else value
        if isinstance(inner, dict):
            ahead += [(f"{path}.{name}" if path else str(name), each) for name, each in inner.items()]
        elif isinstance(inner, list):
            ahead += [(f"{path}[{number}]", each) for number, each in enumerate(inner)]
