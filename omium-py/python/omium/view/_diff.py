"""What changed between two plain trees: paths, and what stood there before and after.

Lists are aligned by their elements, so that one insertion at the front is one addition and not a
change of everything behind it. Types count: 1, 1.0 and True are three values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from omium.view import _pretty
from omium.view._inspect import DIGEST, Typed
from omium.view._text import clip, width_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Change", "Line", "diff", "lines", "render"]

# Beyond this many element pairs the middle of two lists is compared position by position.
_ALIGN_PAIRS = 4_000_000
# Beyond this many pairs the unequal elements of a block are not matched by likeness.
_LIKENESS_PAIRS = 2_500
_ALIKE = 0.3
# Deeper than this a difference is shown whole: a path that long says nothing to a reader.
_DEPTH = 60
_LONG_TEXT = 60


class Change(NamedTuple):
    """One difference; `old` or `new` is absent (`MISSING`) for what was added or removed."""

    path: str
    op: Literal["added", "removed", "changed"]
    old: Any
    new: Any


class Line(NamedTuple):
    """One line of a shown diff; `mark` says what it is, for colouring: + - ~ or a blank."""

    mark: str
    text: str


class _Missing:
    def __repr__(self) -> str:
        return "missing"


MISSING: Any = _Missing()


def diff(old: Any, new: Any, path: str = "", depth: int = 0) -> Iterator[Change]:
    """The changes that make `new` of `old`, in the order of the tree."""
    if isinstance(old, Typed) and isinstance(new, Typed) and old.name == new.name:
        if old.name == DIGEST:
            if old != new:
                yield Change(path, "changed", old, new)
            return
        if old.name in ("set", "frozenset"):
            yield from _sets(old.value, new.value, path)
            return
        name, old, new = _field_path, old.value, new.value
    else:
        name = _key_path
    if depth < _DEPTH and isinstance(old, dict) and isinstance(new, dict):
        yield from _dicts(old, new, path, name, depth + 1)
    elif depth < _DEPTH and isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, path, depth + 1)
    elif repr(old) != repr(new):
        yield Change(path, "changed", old, new)


def _key_path(path: str, key: Any) -> str:
    if isinstance(key, str) and re.fullmatch(r"[^\W\d]\w*", key):
        return f"{path}.{key}" if path else key
    return f"{path}[{key!r}]"


def _field_path(path: str, key: Any) -> str:
    return f"{path}.{key}"


_Name = Callable[[str, Any], str]


def _dicts(old: dict[Any, Any], new: dict[Any, Any], path: str, name: _Name, depth: int) -> Iterator[Change]:
    for key, value in old.items():
        if key not in new:
            yield Change(name(path, key), "removed", value, MISSING)
        else:
            yield from diff(value, new[key], name(path, key), depth)
    for key, value in new.items():
        if key not in old:
            yield Change(name(path, key), "added", MISSING, value)


def _sets(old: Any, new: Any, path: str) -> Iterator[Change]:
    before, after = Counter(map(repr, old)), Counter(map(repr, new))
    for value in old:
        if repr(value) not in after:
            yield Change(f"{path}{{}}", "removed", value, MISSING)
    for value in new:
        if repr(value) not in before:
            yield Change(f"{path}{{}}", "added", MISSING, value)


def _lists(old: list[Any], new: list[Any], path: str, depth: int) -> Iterator[Change]:
    # repr tells types apart and equals itself for NaN, which == does not.
    old_keys, new_keys = [repr(item) for item in old], [repr(item) for item in new]
    for i1, i2, j1, j2 in _unequal_blocks(old_keys, new_keys):
        for i, j in _pairs(old, new, i1, i2, j1, j2):
            if i is not None and j is not None:
                place = f"{path}[{j}]" if i == j else f"{path}[{i}→{j}]"
                yield from diff(old[i], new[j], place, depth)
            elif i is not None:
                yield Change(f"{path}[{i}]", "removed", old[i], MISSING)
            elif j is not None:
                yield Change(f"{path}[{j}]", "added", MISSING, new[j])


def _unequal_blocks(old: list[str], new: list[str]) -> Iterator[tuple[int, int, int, int]]:
    start, end_old, end_new = 0, len(old), len(new)
    while start < min(end_old, end_new) and old[start] == new[start]:
        start += 1
    while min(end_old, end_new) > start and old[end_old - 1] == new[end_new - 1]:
        end_old, end_new = end_old - 1, end_new - 1
    if start == end_old and start == end_new:
        return
    if (end_old - start) * (end_new - start) > _ALIGN_PAIRS:
        yield start, end_old, start, end_new
        return
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, old[start:end_old], new[start:end_new], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            yield start + i1, start + i2, start + j1, start + j2


def _pairs(
    old: list[Any], new: list[Any], i1: int, i2: int, j1: int, j2: int
) -> Iterator[tuple[int | None, int | None]]:
    """Who became whom within a block of unequal elements, in order."""
    rows, columns = i2 - i1, j2 - j1
    if rows == columns and (rows == 1 or rows * columns > _LIKENESS_PAIRS):
        yield from ((i1 + n, j1 + n) for n in range(rows))
        return
    if rows * columns > _LIKENESS_PAIRS:
        matched = [(i1 + n, j1 + n) for n in range(min(rows, columns))]
    else:
        matched = [(i1 + i, j1 + j) for i, j in _alike(old[i1:i2], new[j1:j2])]
    i, j = i1, j1
    for pair_i, pair_j in [*matched, (i2, j2)]:
        yield from ((n, None) for n in range(i, pair_i))
        yield from ((None, n) for n in range(j, pair_j))
        if pair_i < i2 and pair_j < j2:
            yield pair_i, pair_j
        i, j = pair_i + 1, pair_j + 1


def _alike(old: list[Any], new: list[Any]) -> list[tuple[int, int]]:
    """The order-keeping pairing with the greatest sum of likeness."""
    left, right = [_features(item) for item in old], [_features(item) for item in new]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    score = [[_likeness(a, b) for b in right] for a in left]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            paired = best[i + 1][j + 1] + score[i][j] if score[i][j] >= _ALIKE else 0.0
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    pairs, i, j = [], 0, 0
    while i < len(old) and j < len(new):
        if score[i][j] >= _ALIKE and best[i][j] == best[i + 1][j + 1] + score[i][j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _features(item: Any) -> tuple[str, Any, frozenset[str]]:
    kind = item.name if isinstance(item, Typed) else type(item).__name__
    fields = item.value if isinstance(item, Typed) else item
    identity = fields.get("id") if isinstance(fields, dict) else None
    return kind, identity, frozenset(re.findall(r"\w+", repr(fields)[:20_000]))


def _likeness(a: tuple[str, Any, frozenset[str]], b: tuple[str, Any, frozenset[str]]) -> float:
    if a[0] != b[0]:
        return 0.0
    if a[1] is not None and b[1] is not None:
        return 2.0 if repr(a[1]) == repr(b[1]) else 0.0
    together = len(a[2] | b[2])
    return len(a[2] & b[2]) / together if together else 1.0


def lines(old: Any, new: Any, *, width: int = 100, limit: int = 40) -> list[str]:
    """The difference as plain text, for an error message."""
    return [line.text for line in render(diff(old, new), width=width, limit=limit)]


def render(changes: Iterable[Change], *, width: int = 100, limit: int | None = 200) -> Iterator[Line]:
    """The changes as lines of at most `width` columns; after `limit` lines only their number."""
    shown = cut = 0
    per_change = None if limit is None else max(limit // 8, 4)
    for change in changes:
        if limit is not None and shown >= limit:
            cut += 1
            continue
        for line in _bounded(_change_lines(change, width), per_change):
            yield line
            shown += 1
    if cut:
        yield Line(" ", f"… {cut} more {'change' if cut == 1 else 'changes'} not shown")


def _bounded(rows: Iterator[Line], limit: int | None) -> Iterator[Line]:
    cut = 0
    for count, row in enumerate(rows):
        if limit is None or count < limit:
            yield row
        else:
            cut += 1
    if cut:
        yield Line(" ", f"    … {cut} more {'line' if cut == 1 else 'lines'}")


def _change_lines(change: Change, width: int) -> Iterator[Line]:
    path = clip(change.path or "value", max(width // 2, 20))
    if change.op != "changed":
        mark, value = ("+", change.new) if change.op == "added" else ("-", change.old)
        rows = _pretty.lines(value, width - 2, lead=f"{path}: ")
        yield Line(mark, f"{mark} {next(rows)}")
        yield from (Line(mark, f"  {row}") for row in rows)
        return
    old, new = change.old, change.new
    if isinstance(old, Typed) and isinstance(new, Typed) and old.name == new.name == DIGEST:
        yield Line("~", f"~ {path}: differs (a digest is all that is recorded of it)")
        return
    if isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > _LONG_TEXT:
        yield Line("~", clip(f"~ {path}: text, {len(old)} → {len(new)} characters", width))
        yield from _text_lines(old, new, width)
        return
    flat = f"~ {path}: {_pretty.one_line(old, width)} → {_pretty.one_line(new, width)}"
    if width_of(flat) <= width:
        yield Line("~", flat)
        return
    yield Line("~", f"~ {path}:")
    for mark, value in (("-", old), ("+", new)):
        rows = _pretty.lines(value, width - 6)
        yield Line(mark, f"    {mark} {next(rows)}")
        yield from (Line(mark, f"      {row}") for row in rows)


def _text_lines(old: str, new: str, width: int) -> Iterator[Line]:
    before, after = old.splitlines() or [""], new.splitlines() or [""]
    for i1, i2, j1, j2 in _unequal_blocks(before, after):
        if i1 > 0:
            yield Line(" ", "      " + clip(before[i1 - 1], width - 6))
        for n in range(min(i2 - i1, j2 - j1)):
            for left, right in _differences(before[i1 + n], after[j1 + n], width - 6):
                yield Line("-", f"    - {left}")
                yield Line("+", f"    + {right}")
        paired = min(i2 - i1, j2 - j1)
        for row in before[i1 + paired : i2]:
            yield Line("-", "    - " + clip(row, width - 6))
        for row in after[j1 + paired : j2]:
            yield Line("+", "    + " + clip(row, width - 6))
    if old != new and before == after:
        yield Line(" ", "      (only line ends differ)")


def _differences(old: str, new: str, width: int) -> Iterator[tuple[str, str]]:
    """Both rows where they begin to differ, and, when that is far apart, where they cease to."""
    shorter, context = min(len(old), len(new)), 24
    start = end = 0
    while start < shorter and old[start] == new[start]:
        start += 1
    while end < shorter - start and old[-1 - end] == new[-1 - end]:
        end += 1
    begin = start - context
    if begin <= 0 or max(len(old), len(new)) <= width:
        yield clip(old, width), clip(new, width)
    else:
        yield clip("…" + old[begin:], width), clip("…" + new[begin:], width)
    room = width - 2 * context
    if min(len(old), len(new)) - start - end > width:
        left, right = max(len(old) - end - room, 0), max(len(new) - end - room, 0)
        yield clip("…" + old[left:], width), clip("…" + new[right:], width)
