"""Tells a request that changed by itself from one that somebody changed: times, ids and unordered sets."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["hints"]

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"

_KINDS = {
    "a random id": (
        r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"
        r"|\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{12,64}\b"
    ),
    "a date or time": (
        r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
        r"|\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s?[AP]M)?"
        r"|\b1[6-9]\d{8}(?:\d{3})?(?:\.\d+)?\b"
        rf"|\b{_MONTH}\.? {_DAY}(?:,? \d{{4}})?\b|\b{_DAY} {_MONTH}\.?,?(?: \d{{4}})?\b"
        r"|\b\d{1,2}/\d{1,2}/\d{2,4}\b|\b\d{1,2}\.\d{1,2}\.\d{4}\b"
        r"|\b(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\b"
    ),
    "the address of an object in memory": r"\b0x[0-9a-f]{6,16}\b",
}
_PATTERN = re.compile("|".join(f"({pattern})" for pattern in _KINDS.values()))


def hints(changes: Iterable[Any]) -> list[str]:
    """A sentence for each part that only changed because it is different every time."""
    found: dict[str, list[str]] = {}
    for change in changes:
        kind = " and ".join(_kinds(change.old, change.new))
        if kind:
            found.setdefault(kind, []).append(change.path)
    return [
        f"hint: {', '.join(paths)} holds {kind}, which is new in every run: make it in an @omium.step, "
        "so that it is recorded"
        if kind != _ORDER
        else f"hint: {', '.join(paths)} lists the same things in another order: sort a set before it goes into a prompt"
        for kind, paths in found.items()
    ]


_ORDER = "order"


def _kinds(old: Any, new: Any) -> list[str]:
    if not isinstance(old, str) or not isinstance(new, str):
        return []
    before, after = _PATTERN.findall(old), _PATTERN.findall(new)
    if before and _PATTERN.sub("\0", old) == _PATTERN.sub("\0", new):
        pairs = enumerate(_KINDS)
        return [kind for n, kind in pairs if [match[n] for match in before] != [match[n] for match in after]]
    words = re.compile(r"[^\s,;\[\](){}]+")
    return [_ORDER] if Counter(words.findall(old)) == Counter(words.findall(new)) else []
