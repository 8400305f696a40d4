"""Where a value came from, told by content: which recorded outputs stand in the inputs of a later step.

Works on plain trees, so it needs neither the code nor its classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from omium.view._inspect import Typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["Outputs", "Source", "sources"]

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
    return Outputs(outputs).within(given)


class Outputs:
    """Outputs by their seqs, prepared to be looked for in many inputs."""

    def __init__(self, outputs: Iterable[tuple[int, Any]]) -> None:
        self._parts = {seq: _Parts.of(output) for seq, output in outputs}

    def within(self, given: Any, *, among: Callable[[int], bool] = lambda _: True) -> list[Source]:
        """Those of them that occur in an input."""
        present: dict[str, str] = {}
        texts: list[tuple[str, str]] = []
        for path, value in _walk(given):
            present.setdefault(_mark(value), path)
            if isinstance(value, str) and len(value) >= _QUOTED_CHARS_MIN:
                texts.append((path, value))
        candidates = ((seq, parts) for seq, parts in self._parts.items() if among(seq))
        found = [source for seq, parts in candidates if (source := parts.source(seq, present, texts)) is not None]
        strength = {"whole": 0, "part": 1, "quoted": 1}
        return sorted(found, key=lambda each: (strength[each.how], -each.seq))


class _Parts(NamedTuple):
    """What of an output would be known again."""

    marks: tuple[tuple[int, str], ...]
    """The telling parts with their places; 0 is the whole."""
    texts: tuple[str, ...]

    @classmethod
    def of(cls, output: Any) -> _Parts:
        parts = [value for _, value in _walk(output)]
        return cls(
            tuple((index, _mark(part)) for index, part in enumerate(parts) if _telling(part)),
            tuple(part for part in parts if isinstance(part, str) and len(part) >= _QUOTED_CHARS_MIN),
        )

    def source(self, seq: int, present: dict[str, str], texts: Sequence[tuple[str, str]]) -> Source | None:
        for index, mark in self.marks:
            if mark in present:
                return Source(seq, "part" if index else "whole", present[mark])
        for part in self.texts:
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
