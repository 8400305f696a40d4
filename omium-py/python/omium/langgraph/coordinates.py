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
from omium.langgraph.entered import entered
from omium.langgraph.subgraphs import what_was_given

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omium._omium import Store
    from omium.runtime._live import LiveRun

__all__ = ["CALL", "TASK", "Coordinates", "Level", "Scopes", "attempt_of", "coordinates"]

ROOT = "node"
CALL = "__pregel_call"
TASK = "__pregel_task_id"
_RUNTIME = "__pregel_runtime"
_TRIGGERS = ("__pregel_pull", "__pregel_push")
_TAKEN_OVER = "taken over"


class Level(NamedTuple):
    """A task within one graph: the graph of the thread, or a subgraph."""

    where: str
    """Node, step and path."""
    scope: str
    """The checkpoint namespace of the graph."""
    key: str | None
    """The checkpoint the task runs from; None in a subgraph that saves none."""

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


def coordinates(parts: Mapping[str, Any], metadata: Mapping[str, Any]) -> Coordinates:
    """Of the task whose config this is."""
    around_it = entered(parts)
    graph = around_it.loop
    own: Mapping[str, Any] = around_it.config["configurable"]
    scope = str(own.get("checkpoint_ns") or "")
    around: tuple[Level, ...] = ()
    if TASK in own:
        metadata_around: Mapping[str, Any] = around_it.config.get("metadata") or {}
        node_around = str(metadata_around.get("langgraph_node"))
        given = what_was_given(graph, entered(own).loop, node_around, own[TASK], attempt_of(own))
        around = _told_apart(coordinates(own, metadata_around).levels, given)
    else:
        scope = ""
    node = str(metadata.get("langgraph_node"))
    where = f"{_plain(node)}.{metadata.get('langgraph_step')}{_path(metadata.get('langgraph_path'), node)}"
    # Below a subgraph that saves nothing no checkpoint is ever found again.
    found_again = graph.checkpointer is not None and all(level.key for level in around)
    saved: Mapping[str, str] = parts.get("checkpoint_map") or {}
    return Coordinates((*around, Level(where, scope, saved.get(scope) if found_again else None)))


def attempt_of(parts: Mapping[str, Any]) -> int:
    """The number LangGraph gives an attempt at a task."""
    return int(getattr(getattr(parts.get(_RUNTIME), "execution_info", None), "node_attempt", 1))


def _told_apart(around: tuple[Level, ...], given: str) -> tuple[Level, ...]:
    return (*around[:-1], around[-1]._replace(where=f"{around[-1].where}.{given}")) if given else around


class Scopes:
    """The scopes of one thread."""

    def __init__(self, store: Store, thread: str) -> None:
        self._store = store
        self._thread = thread
        self._used: dict[str, dict[str, str | None]] = {}
        """On record: stable coordinates -> scopes, with the scope of the task each was taken over for."""
        self._from: dict[str, str] = {}
        """On record: how a scope goes on from its last checkpoint -> the scope."""
        self._seen = 0

    def of(self, where: Coordinates, run: LiveRun) -> str:
        """The scope a task records in: that of an earlier life of it, or its own."""
        self._read()
        stable, own = where.stable, where.scope
        scopes = self._used.setdefault(stable, {})
        if own not in scopes and (known := self._from.get(_going_on(own))) is not None:
            # LangGraph goes on from a checkpoint with whichever graph comes in its place, whatever that was given.
            return known
        if own not in scopes and scopes:
            saved = {_mark(state.key) for state in self._store.list_states(self._thread)}
            for scope, taken in reversed(scopes.items()):
                if taken == own:
                    return scope
                if not _all_saved(taken or scope, saved):
                    self._take_over(scope, own, run)
                    scopes[scope] = own
                    self._from[_going_on(own)] = scope
                    return scope
        scopes.setdefault(own, None)
        self._from.setdefault(_going_on(own), own)
        return own

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
            self._from.setdefault(_going_on(scope), scope)
            if entry.kind == "note" and entry.name == _TAKEN_OVER and entry.value is not None:
                own = scopes[scope] = codec.loads(entry.value.codec, entry.value.read())
                self._from[_going_on(own)] = scope


def _going_on(scope: str) -> str:
    """A scope from the innermost graph on that saves checkpoints: these are like no others of the thread."""
    elements = scope.split("/")[1:]
    marked = [at for at, element in enumerate(elements) if not element.endswith(f"@{_UNSAVED}")]
    return "/".join(elements[marked[-1] :]) if marked else scope


def _all_saved(scope: str, saved: set[str]) -> bool:
    marks = [element.rpartition("@")[2] for element in scope.split("/")[1:]]
    return all(mark in saved or mark == _UNSAVED for mark in marks)


def _mark(key: str) -> str:
    return _omium.digest(key.encode())[:4].hex()


_UNSAVED = _mark("")


def _plain(name: str) -> str:
    """A name without what separates elements, and parts of one."""
    for sign, code in (("%", "%25"), ("/", "%2F"), ("@", "%40"), ("#", "%23"), (":", "%3A"), (".", "%2E")):
        name = name.replace(sign, code)
    return name


def _path(path: Any, node: str) -> str:
    """What tells several tasks of one node in one step apart; nothing for the ordinary one."""
    parts = [_plain(str(part)) for part in _flat(path) if not isinstance(part, bool) and part not in _TRIGGERS]
    return "" if parts == [_plain(node)] else "".join(f".{part}" for part in parts)


def _flat(path: Any) -> list[Any]:
    if not isinstance(path, (tuple, list)):
        return [path]
    return [part for each in path for part in _flat(each)]
