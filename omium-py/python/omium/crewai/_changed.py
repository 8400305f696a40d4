"""A task that was done and runs again, because it is another one now: said, and noted with what differs."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from omium import codec
from omium.view._diff import diff, render
from omium.view._inspect import plain
from omium.wire import unsteady

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omium import _omium
    from omium.runtime._place import Place

__all__ = ["tell"]


def tell(place: Place, name: str, inputs: Mapping[str, Any]) -> None:
    """Before a task runs: warns if the record holds it, done, with another description, agent or output.

    With another context alone it runs again because a task before it did, and that was told.
    """
    run = place.run.native
    if run.recorded == run.replayed:
        return
    before = _before(place, name)
    if before is None or before.input is None:
        return
    recorded = plain(before.input.codec, before.input.read())
    present = plain("msgpack", codec.dumps_shown(inputs))
    changes = [each for each in diff(recorded, present) if not each.path.startswith("context")]
    if not changes:
        return
    lines = [line.text for line in render(changes)] + unsteady.hints(changes)
    first = f"task {name!r} was done at {run.id}@{before.seq} and runs again, for it is another one now:"
    claim = run.claim("note", place.address[0], f"{name} runs again", os.urandom(16), spawned=True)
    run.commit(claim, codec.dumps({"done": before.seq, "changed": lines}))
    warnings.warn("\n".join([first, *lines]), stacklevel=2)


def _before(place: Place, name: str) -> _omium.Entry | None:
    """The task of that name in the same crew that nobody has asked for, where there is just one."""
    run, scope = place.run, place.address[0]
    done = [
        each
        for each in run.store.entries(run.native.id)
        if (each.kind, each.status, each.scope, each.name) == ("step", "done", scope, name)
        and not run.native.consumed(each.seq)
    ]
    return done[0] if len(done) == 1 else None
