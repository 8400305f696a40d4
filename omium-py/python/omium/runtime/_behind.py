"""What stands behind an exception: the entries that recorded it, noted on it, and what it came from."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from omium.codec import ON_RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["chained", "failures_behind", "on_record"]


def on_record(failure: object, seq: int) -> None:
    """Notes on an exception, or on the response it will be made of, that entry `seq` recorded it.

    For when it ends the run: then the entry is not answered but tried again.
    """
    vars(failure).setdefault(ON_RECORD, []).append(seq)


def failures_behind(error: BaseException) -> list[int]:
    """The entries that recorded an error, what caused it, or a member of its group."""
    seqs: set[int] = set()
    seen: set[int] = set()
    ahead: list[BaseException | None] = [error]
    while ahead:
        each = ahead.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        for noted in (each, getattr(each, "response", None)):
            seqs.update(getattr(noted, "__dict__", {}).get(ON_RECORD, ()))
        ahead += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
    return sorted(seqs)


@contextmanager
def chained(failure: BaseException) -> Iterator[None]:
    """Raised from the record it keeps what it came from, whatever is being handled where it is raised again."""
    context = failure.__context__
    try:
        yield
    finally:
        failure.__context__ = context
