"""Replay of a LangGraph thread: its record is walked, its nodes are not run.

A node acts on the world each time it runs, so running the graph again would be no replay. What can be
proved without acting is proved: every value reads back as it was written, and, given the graph, that
it would go on from each checkpoint to the nodes that ran next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from omium.cli._errors import DONE, REFUSED, CommandError
from omium.cli._status import channels
from omium.cli._target import scope_of
from omium.cli._terminal import Cell, Terminal, plural, visible
from omium.view._text import size

if TYPE_CHECKING:
    from omium._omium import Execution, State, Store

__all__ = ["on_store", "replay_thread", "walk"]


# What a checkpoint is called that no node made.
_NOT_NODES = ("input", "update", "fork", "loop")


class Step(NamedTuple):
    """One checkpoint of the walk."""

    state: State
    name: str
    changed: list[str]
    read_bytes: int
    scheduled: list[str] | None
    """The nodes the graph as it is now would run next; None without a graph or a successor."""
    ran: list[str] | None
    """The nodes that did run next, where the record knows."""

    @property
    def diverges(self) -> bool:
        return self.scheduled is not None and self.scheduled != self.ran

    @property
    def told(self) -> str:
        return f"{_names(self.ran)} ran next, it would run {_names(self.scheduled)}"


def replay_thread(store: Store, execution: Execution, graph: str | None, as_json: bool, terminal: Terminal) -> int:
    """Walks the thread from its first checkpoint to its head."""
    steps, values = walk(store, execution, _graph(store, graph) if graph else None)
    diverging = [step for step in steps if step.diverges]
    if as_json:
        terminal.json(
            {
                "id": execution.id,
                "checkpoints": len(steps),
                "values_verified": values,
                "nodes_run": 0,
                "diverged_at": diverging[0].state.seq if diverging else None,
                "steps": [_json(step) for step in steps],
            }
        )
        return REFUSED if diverging else DONE
    terminal.table(
        ("SEQ", "RAN", "CHANGED", "READ BACK", "GRAPH"),
        [_row(step) for step in steps],
        right=(0, 3),
        flexible=(1, 2, 4),
    )
    terminal.print()
    mark = terminal.style(terminal.glyph("✓", "ok"), "green")
    terminal.print(
        f"{mark} {plural(len(steps), 'checkpoint')}, {plural(values, 'value')} read back, each as it was written"
    )
    if not diverging:
        if graph:
            terminal.print(f"{mark} from every checkpoint the graph would go on as it did")
        terminal.note("no node was run: this walked the record, for a node acts each time it runs")
        return DONE
    first = diverging[0]
    terminal.error(
        f"the graph diverges from the record at @{first.state.seq}: {first.told}",
        "bring back the graph that made the record, or omium fork before that entry and go on from there",
    )
    return REFUSED


def _graph(store: Store, source: str) -> Any:
    from omium.cli._code import load

    graph = on_store(load(source), store)
    if graph is None:
        raise CommandError(
            f"{visible(source)} is no LangGraph graph", "name a graph, compiled or not, or a function that makes one"
        )
    return graph


def on_store(graph: Any, store: Store) -> Any:
    """The graph, compiled or not or made by a function, with the threads of this store; None: it is none."""
    from omium.langgraph import Saver

    if not hasattr(graph, "get_state") and callable(graph):
        graph = graph()
    if hasattr(graph, "compile"):
        graph = graph.compile()
    return graph.copy({"checkpointer": Saver(store)}) if hasattr(graph, "get_state") else None


def walk(store: Store, execution: Execution, graph: Any) -> tuple[list[Step], int]:
    """Every checkpoint of the thread, and how many values were read back."""
    entries = {entry.seq: entry for entry in store.entries(execution.id) if entry.kind == "state"}
    states = [state for state in store.list_states(execution.id) if state.seq in entries]
    states.sort(key=lambda state: state.seq)
    followers: dict[tuple[str, str | None], list[str]] = {}
    for state in states:
        name = entries[state.seq].name
        if name not in _NOT_NODES:
            followers.setdefault((state.scope, state.parent_key), name.split(", "))
    by_key = {(state.scope, state.key): state for state in states}
    verified: set[bytes] = set()
    steps = []
    for state in states:
        parent = by_key.get((state.scope, state.parent_key or ""))
        before = {name: value.digest for name, value in parent.values.items()} if parent else {}
        changed = [name for name, value in state.values.items() if before.get(name) != value.digest]
        read_bytes = 0
        for value in (state.body, state.meta, *state.values.values(), *(w.value for w in state.writes)):
            if value.digest not in verified:
                read_bytes += len(value.read())  # raises StoreCorrupted unless it hashes as it should
                verified.add(value.digest)
        ran = followers.get((state.scope, state.key))
        scheduled = _scheduled(graph, state) if graph is not None and ran is not None else None
        steps.append(Step(state, entries[state.seq].name, changed, read_bytes, scheduled, ran))
    return steps, len(verified)


def _scheduled(graph: Any, state: State) -> list[str] | None:
    if state.scope:
        return None
    place = {"thread_id": state.execution, "checkpoint_ns": "", "checkpoint_id": state.key}
    return sorted(set(graph.get_state({"configurable": place}).next))


def _row(step: Step) -> tuple[Cell, ...]:
    names = [name for name in step.changed if name in channels(step.state.values)]
    agrees: Cell = ""
    if step.scheduled is not None:
        agrees = (f"would run {_names(step.scheduled)}", "red") if step.diverges else ("agrees", "green")
    return (
        f"@{step.state.seq}",
        (" › ".join([*scope_of(step.state.scope), step.name]), "bold"),
        ", ".join(names),
        size(step.read_bytes),
        agrees,
    )


def _names(nodes: list[str] | None) -> str:
    return " and ".join(visible(node) for node in nodes or ()) or "nothing"


def _json(step: Step) -> dict[str, Any]:
    return {
        "seq": step.state.seq,
        "scope": step.state.scope,
        "checkpoint_id": step.state.key,
        "ran": step.name,
        "changed": step.changed,
        "read_bytes": step.read_bytes,
        "ran_next": step.ran,
        "graph_would_run_next": step.scheduled,
    }
