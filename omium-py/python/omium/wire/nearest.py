"""A miss, explained: the recorded request that comes nearest, and which part of it differs."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from omium.exceptions import Divergence
from omium.wire import unsteady

if TYPE_CHECKING:
    from omium import _omium
    from omium.runtime._context import Frame
    from omium.view._diff import Change

__all__ = ["explain"]

_COMPARED = 1000
"""Characters; beyond them a text is taken to differ as its beginning does."""

_LOOK_AT_MOST = 50
"""A diff of long conversations takes a while; of a run with thousands of calls the first ones count."""


def explain(error: Divergence, frame: Frame, name: str, found: bytes) -> Divergence:
    """The native divergence with the nearest recorded request."""
    from omium.view._diff import diff, render
    from omium.view._inspect import plain

    run, present = frame.run, plain("msgpack", found)
    best: tuple[float, _omium.Entry, list[Change]] | None = None
    for entry in _candidates(frame):
        if entry.input is None:
            continue
        changes = list(diff(plain(entry.input.codec, entry.input.read()), present))
        weight = sum(map(_weight, changes))
        if best is None or weight < best[0]:
            best = weight, entry, changes
    where = f"execution {run.native.id!r}"
    if best is None:
        return Divergence(
            f"the code asks for {name}, and the record of {where} holds no model call that was not answered already",
            execution=run.native.id,
            seq=error.seq,
            expected=error.expected,
            found=error.found,
        )
    _, entry, changes = best
    shown = [line.text for line in render(changes)]
    lines = [
        f"the code asks for {name}, and the record of {where} has no answer to this request",
        f"nearest recorded request: {run.native.id}@{entry.seq} {entry.name}",
        *shown,
        *unsteady.hints(changes),
    ]
    return Divergence(
        "\n".join(lines),
        execution=run.native.id,
        seq=entry.seq,
        expected=entry.name,
        found=error.found or name,
        diff=shown,
    )


def _weight(change: Change) -> float:
    """How much a change changes, in characters about."""
    old, new = change.old, change.new
    if not isinstance(old, str) or not isinstance(new, str):
        return len(repr(old)) + len(repr(new))
    alike = SequenceMatcher(None, old[:_COMPARED], new[:_COMPARED], autojunk=False).ratio()
    return (1 - alike) * (len(old) + len(new))


def _candidates(frame: Frame) -> list[_omium.Entry]:
    """Recorded model calls that were not answered yet: the one that came next, else those of the same scope."""
    run = frame.run
    calls = [
        entry
        for entry in run.store.entries(run.native.id)
        if entry.kind == "llm" and entry.status == "done" and not run.native.consumed(entry.seq)
    ]
    here = [entry for entry in calls if entry.scope == frame.scope]
    following = [entry for entry in here if entry.prev == frame.prev and not entry.spawned]
    return following if len(following) == 1 else (here or calls)[:_LOOK_AT_MOST]
