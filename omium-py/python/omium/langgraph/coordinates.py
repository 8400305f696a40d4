"""Where a task stands in its thread, in words that are the same when LangGraph runs it again.

LangGraph names a task after the checkpoint it runs from. By default that checkpoint is saved while the
task runs already; killed in between, the thread goes on from an older one, and the same task comes back
under another name. So a scope says both: the steps, nodes and paths that lead to the task, which stay,
and the checkpoints. A scope whose checkpoint was never saved is taken over by the task that comes back.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from omium import _omium, codec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omium._omium import Store
    from omium.runtime._live import LiveRun

__all__ = ["Coordinates", "Level", "Scopes"]

ROOT = "node"
_TAKEN_OVER = "taken over"


class Level(NamedTuple):
    """A task within one graph: the graph of the thread, or a subgraph."""

    where: str
    """Node, step and path."""
    scope: str
    """The checkpoint namespace of the graph."""
    key: str | None
    """The checkpoint the task runs from."""

    @property
    def mark(self) -> str:
        return _mark(self.key or "")


class Coordinates(NamedTuple):
    """A task, with the tasks around it from the outside inwards."""

    levels: tuple[Level, ...]

    @property
    def stable(self) -> str:
        return "/".join(level.where for level in self.levels)

    @property
    def scope(self) -> str:
        return f"{ROOT}/" + "/".join(f"{level.where}@{level.mark}" for level in self.levels)

    def ran_from(self, scope: str, key: str | None) -> bool:
        return any((level.scope, level.key) == (scope, key) for level in self.levels)


class Scopes:
    """The scopes of one thread."""

    def __init__(self, store: Store, thread: str) -> None:
        self._store = store
        self._thread = thread
        self._around: dict[str, Coordinates] = {}
        """By the checkpoint namespace of a subgraph: the task it runs in."""
        self._used: dict[str, dict[str, str | None]] = {}
        """On record: stable coordinates -> scopes, with the scope of the task each was taken over for."""
        self._seen = 0

    def coordinates(self, parts: Mapping[str, Any], metadata: Mapping[str, Any]) -> Coordinates:
        """Of the task whose config this is."""
        outer, _, own = str(parts.get("checkpoint_ns") or "").rpartition("|")
        node = str(metadata.get("langgraph_node") or own.partition(":")[0])
        path = _path(metadata.get("langgraph_path"))
        where = f"{_plain(node)}.{metadata.get('langgraph_step', '')}{path}"
        saved: Mapping[str, str] = parts.get("checkpoint_map") or {}
        level = Level(where, outer, saved.get(outer))
        return Coordinates((*self._levels(outer), level))

    def enter(self, scope: str, parts: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Notes the task a subgraph begins in. It may begin several, which LangGraph counts in the scope."""
        around = str(metadata.get("langgraph_checkpoint_ns") or "")
        if around and (scope == around or scope.startswith(f"{around}|")) and scope not in self._around:
            task = self.coordinates({**parts, "checkpoint_ns": around}, metadata)
            count = scope.removeprefix(around).strip("|")
            if count:
                last = task.levels[-1]
                task = Coordinates((*task.levels[:-1], last._replace(where=f"{last.where}.{_plain(count)}")))
            self._around[scope] = task

    def of(self, where: Coordinates, run: LiveRun) -> str:
        """The scope a task records in: that of an earlier life of it, or its own."""
        self._read()
        stable, own = where.stable, where.scope
        scopes = self._used.setdefault(stable, {})
        if own not in scopes and scopes:
            saved = {_mark(state.key) for state in self._store.list_states(self._thread)}
            for scope, taken in reversed(scopes.items()):
                if taken == own:
                    return scope
                if not _all_saved(taken or scope, saved):
                    self._take_over(scope, own, run)
                    scopes[scope] = own
                    return scope
        scopes.setdefault(own, None)
        return own

    def _levels(self, scope: str) -> tuple[Level, ...]:
        if not scope:
            return ()
        if scope in self._around:
            return self._around[scope].levels
        # A subgraph that saves nothing: only the names are the same when it runs again.
        outer, _, own = scope.rpartition("|")
        return (*self._levels(outer), Level(_plain(own.partition(":")[0]), outer, None))

    def _take_over(self, scope: str, own: str, run: LiveRun) -> None:
        digest = _omium.digest(codec.dumps_inputs({"by": own}))
        claim = run.native.claim("note", scope, _TAKEN_OVER, digest, spawned=True)
        if claim.recorded is None:
            run.native.commit(claim, codec.dumps(own))

    def _read(self) -> None:
        """What the log has gained, by this process or another one."""
        for entry in self._store.entries(self._thread, after=self._seen):
            self._seen = entry.seq
            root, _, rest = entry.scope.partition("/")
            if root != ROOT or entry.kind == "state":
                continue
            marks = [*takewhile(lambda element: "#" not in element, rest.split("/"))]
            scope = f"{ROOT}/" + "/".join(marks)
            stable = "/".join(mark.rpartition("@")[0] for mark in marks)
            scopes = self._used.setdefault(stable, {})
            scopes.setdefault(scope, None)
            if entry.kind == "note" and entry.name == _TAKEN_OVER and entry.value is not None:
                scopes[scope] = codec.loads(entry.value.codec, entry.value.read())


def _all_saved(scope: str, saved: set[str]) -> bool:
    marks = [element.rpartition("@")[2] for element in scope.split("/")[1:]]
    return all(mark in saved for mark in marks)


def _mark(key: str) -> str:
    return _omium.digest(key.encode())[:4].hex()


def _plain(name: str) -> str:
    """A name without what separates elements."""
    for sign, code in (("%", "%25"), ("/", "%2F"), ("@", "%40"), ("#", "%23"), (":", "%3A")):
        name = name.replace(sign, code)
    return name


def _path(path: Any) -> str:
    """What tells several tasks of one node in one step apart; nothing for the ordinary one."""
    numbers = [str(part) for part in _flat(path) if isinstance(part, int) and not isinstance(part, bool)]
    return "".join(f".{number}" for number in numbers)


def _flat(path: Any) -> list[Any]:
    if not isinstance(path, (tuple, list)):
        return [path]
    return [part for each in path for part in _flat(each)]
