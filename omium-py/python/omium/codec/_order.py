"""One order for what has none, the members of a set above all: the same in every process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SORTABLE = (str, int, bytes)


def ordered(items: Iterable[Any], key: Callable[[Any], bytes]) -> list[Any]:
    """Sorted by value where Python can, else by `key`, the encoded bytes."""
    members = list(items)
    if not members[1:]:
        return members
    kind = type(members[0])
    if kind in _SORTABLE and all(type(member) is kind for member in members):
        return sorted(members)
    return sorted(members, key=key)


def pairs(items: Iterable[tuple[Any, Any]]) -> list[Any]:
    """Flattens to [key, value, key, value, ...]."""
    return [part for item in items for part in item]


def unpair(flat: list[Any]) -> zip[tuple[Any, Any]]:
    """The (key, value) tuples of `pairs`."""
    return zip(flat[::2], flat[1::2], strict=True)


def ordered_pairs(flat: list[Any], key: Callable[[Any], bytes]) -> list[Any]:
    """The same pairs, sorted by the encoded bytes of their keys."""
    return pairs(sorted(unpair(flat), key=lambda pair: key(pair[0])))
