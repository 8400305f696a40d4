"""A miss, explained: the recorded request that comes nearest, and which part of it differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.exceptions import Divergence
from omium.wire import unsteady

if TYPE_CHECKING:
    from omium import _omium
    from omium._context import Frame

__all__ = ["explain"]

_LOOK_AT_MOST = 50
"""A diff of long conversations takes a while; of a run with thousands of calls the first ones count."""


def explain(error: Divergence, frame: Frame, name: str, found: bytes) -> Divergence:
    """The native divergence with the nearest recorded request."""
    from omium._diff import diff, render
    from omium._inspect import plain

    run, present = frame.run, plain("msgpack", found)
    best: tuple[int, _omium.Entry, list[Any]] | None = None
    for entry in _candidates(error, frame):
        if entry.input is None:
            continue
        changes = list(diff(plain(entry.input.codec, entry.input.read()), present))
        weight = sum(len(repr(change.old)) + len(repr(change.new)) for change in changes)
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


def _candidates(error: Divergence, frame: Frame) -> list[_omium.Entry]:
    """Recorded model calls that were not answered yet: those of the same scope, if there are any."""
    run = frame.run
    calls = [
        entry
        for entry in run.store.entries(run.native.id)
        if entry.kind == "llm" and entry.status == "done" and not run.native.consumed(entry.seq)
    ]
    expected = [entry for entry in calls if entry.seq == error.seq]
    here = [entry for entry in calls if entry.scope == frame.scope]
    return expected or (here or calls)[:_LOOK_AT_MOST]
