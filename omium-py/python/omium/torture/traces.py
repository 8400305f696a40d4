"""What a run leaves behind: the journal of its moments, the record, the files."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from omium import _effects
from omium._inspect import Typed, plain
from omium._omium import Store
from omium.cli._target import scope_of
from omium.torture._point import Point, steady
from omium.torture.child import KILLED, WAITING

if TYPE_CHECKING:
    from pathlib import Path

    from omium._effects import EffectRecord
    from omium._omium import Entry, Execution, Value

__all__ = ["Address", "Journal", "Left", "journal", "left"]

Address = tuple[str, str, str, str, int]
"""Kind, execution, scope, key and occurrence, steady from run to run."""


class Journal(NamedTuple):
    """What the child told, of its first run and of the run after the kill."""

    points: list[Point]
    bodies: Counter[Address]
    """How often the body of each call began."""
    continued: Counter[Address]
    """How often it began after the kill."""
    in_flight: set[Address]
    """Calls that were under way at the kill: begun, by intent or body, and not on record."""
    names: dict[Address, str]
    killed: bool
    waiting: str | None


def journal(path: Path) -> Journal:
    """Reads a journal; its last line may have been cut by the kill of a process, never in the middle."""
    points: list[Point] = []
    bodies: Counter[Address] = Counter()
    continued: Counter[Address] = Counter()
    under_way: set[Address] = set()
    in_flight: set[Address] = set()
    names: dict[Address, str] = {}
    killed, waiting = False, None
    for line in path.read_text("utf-8").splitlines():
        word, *parts = json.loads(line)
        if word == "point":
            points.append(Point(*parts))
        elif word == KILLED:
            killed, in_flight, under_way = True, under_way, set()
        elif word == WAITING:
            waiting = parts[0]
        else:
            moment, kind, execution, scope, name, key, occurrence = parts
            address = kind, steady(execution), steady(scope), key, occurrence
            names[address] = " › ".join([*map(steady, scope_of(scope)), name])
            if moment == "body":
                bodies[address] += 1
                continued[address] += killed
            if moment in ("intended", "body"):
                under_way.add(address)
            elif moment in ("recorded", "failed"):
                under_way.discard(address)
    return Journal(points, bodies, continued, in_flight, names, killed, waiting)


class Left(NamedTuple):
    """What is compared: plain trees by name, without what differs from run to run."""

    executions: dict[str, dict[str, Any]]
    files: dict[str, list[str]]
    effects: list[EffectRecord]

    def flat(self) -> dict[tuple[str, ...], Any]:
        """Everything under one address each."""
        values: list[tuple[tuple[str, ...], Any]] = [(("file", name), lines) for name, lines in self.files.items()]
        for id, known in self.executions.items():
            values += [(("execution", id, name), tree) for name, tree in known.items()]
        return dict(values)


def left(directory: Path, watched: dict[str, list[str]]) -> Left:
    """Reads every store and every other file in the directory the program ran in."""
    stores = [index.parent for index in sorted(directory.rglob("index.db"))]
    executions: dict[str, dict[str, Any]] = {}
    effects: list[EffectRecord] = []
    for path in stores:
        store = Store(str(path), create=False, read_only=True)
        for execution in sorted(store.executions(), key=lambda each: each.created_ms):
            name = _free(steady(execution.id), executions)
            entries = store.entries(execution.id, all=True)
            executions[name] = _execution(execution, [each for each in entries if each.live])
            effects += [each for each in _effects.read(entries) if each.own and each.live and not each.compensation]
        store.close()
    files = dict(watched)
    for file in sorted(directory.rglob("*")):
        if (
            file.is_file()
            and not any(file.is_relative_to(store) for store in stores)
            and "__pycache__" not in file.parts
        ):
            files[str(file.relative_to(directory))] = text_of(file.read_bytes(), directory)
    return Left(executions, files, effects)


def text_of(data: bytes, directory: Path) -> list[str]:
    """The lines of a file; of one that is no text, what identifies it."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        from omium._omium import digest

        return [f"{len(data)} bytes, {digest(data).hex()}"]
    return [steady(line.replace(str(directory), ".")) for line in text.splitlines()]


def _execution(execution: Execution, entries: list[Entry]) -> dict[str, Any]:
    """Status, result, and the value of every call; of a LangGraph thread the values of its last state."""
    known: dict[str, Any] = {"status": execution.status, "result": _tree(execution.result)}
    last = next((each for each in reversed(entries) if each.kind == "state" and each.scope == ""), None)
    if last is not None:
        known.update({f"state {name}": _tree(value) for name, value in last.values.items()})
    for entry in entries:
        if entry.kind in ("step", "effect", "llm", "tool", "signal") and entry.status != "intent":
            names = " › ".join([*map(steady, scope_of(entry.scope)), entry.name])
            again = f" #{entry.occurrence + 1}" if entry.occurrence else ""
            known[f"{names}{again} [{entry.key[-6:]}]"] = entry.error or _tree(entry.value)
    return known


def _tree(value: Value | None) -> Any:
    return None if value is None else _steady_tree(plain(value.codec, value.read()))


def _steady_tree(tree: Any) -> Any:
    if isinstance(tree, str):
        return steady(tree)
    if isinstance(tree, Typed):
        return Typed(tree.name, _steady_tree(tree.value))
    if isinstance(tree, dict):
        return {_steady_tree(key): _steady_tree(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_steady_tree(item) for item in tree]
    return tree


def _free(name: str, taken: dict[str, Any]) -> str:
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free
