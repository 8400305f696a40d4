"""What a run leaves behind: the journal of its moments, the record, the files."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from omium._omium import Store
from omium.cli._target import scope_of
from omium.effects import _answers, _ledger
from omium.torture._point import Point, steady, steady_scope
from omium.torture.child import KILLED
from omium.view._inspect import mapped, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from omium import codec
    from omium._omium import Entry, Execution, Value
    from omium.effects._ledger import EffectRecord

__all__ = ["Address", "Journal", "Left", "address_of", "interrupts_of", "journal", "left", "stores_in"]

Address = tuple[str, str, str, str, int]
"""Kind, execution, scope, key and occurrence, steady from run to run."""


class Journal(NamedTuple):
    """What the child told, of its first run and of the run after the kill."""

    points: list[Point]
    loose: dict[Point, Point]
    """The points under names that do not tell what calls were given."""
    bodies: Counter[Address]
    """How often the body of each call began."""
    continued: Counter[Address]
    """How often it began after the kill."""
    in_flight: dict[Address, str]
    """Calls that were under way at the kill, begun by intent or body and not on record; how far each had come."""
    names: dict[Address, str]
    killed: bool
    at_once: bool
    """Whether calls of one place were under way at the same time: what they do has no order."""


def journal(path: Path) -> Journal:
    """Reads a journal; its last line may have been cut by the kill of a process, never in the middle."""
    points: list[Point] = []
    loose: dict[Point, Point] = {}
    bodies: Counter[Address] = Counter()
    continued: Counter[Address] = Counter()
    under_way: dict[Address, str] = {}
    in_flight: dict[Address, str] = {}
    names: dict[Address, str] = {}
    killed = at_once = False
    for line in path.read_text("utf-8").splitlines():
        word, *parts = json.loads(line)
        if word == "point":
            *known, other = parts
            points.append(Point(*known))
            loose[points[-1]] = Point(*other)
        elif word == KILLED:
            killed, in_flight, under_way = True, under_way, {}
        else:
            moment, kind, execution, scope, name, key, occurrence = parts
            address = kind, steady(execution), steady_scope(scope), key, occurrence
            names[address] = " › ".join([*map(steady, scope_of(scope)), name])
            if moment == "body":
                bodies[address] += 1
                continued[address] += killed
                at_once = at_once or any(each != address and each[1:3] == address[1:3] for each in under_way)
            if moment in ("intended", "body", "done"):
                under_way[address] = moment
            elif moment in ("recorded", "failed"):
                under_way.pop(address, None)
    return Journal(points, loose, bodies, continued, in_flight, names, killed, at_once)


class Left(NamedTuple):
    """What is compared: plain trees by name, without what differs from run to run."""

    executions: dict[str, dict[str, Any]]
    files: dict[str, list[str]]
    effects: list[EffectRecord]
    receipts: dict[Address, codec.Blob]
    """What the effects came to."""
    doubts: set[Address]
    """Effects that wait for somebody to say whether they happened."""
    questions: list[str]
    """What the program asked, and nobody has answered."""
    not_taken: list[str]
    """Threads that were answered, and that the program did not go on with."""

    def flat(self) -> dict[tuple[str, ...], Any]:
        """Everything under one address each."""
        values: list[tuple[tuple[str, ...], Any]] = [(("file", name), lines) for name, lines in self.files.items()]
        for id, known in self.executions.items():
            values += [(("execution", id, name), tree) for name, tree in known.items()]
        return dict(values)


def left(directory: Path, watched: dict[str, list[str]]) -> Left:
    """Reads every store and every other file in the directory the program ran in."""
    executions: dict[str, dict[str, Any]] = {}
    effects: list[EffectRecord] = []
    receipts: dict[Address, codec.Blob] = {}
    doubts: set[Address] = set()
    questions: list[str] = []
    not_taken: list[str] = []
    stores = stores_in(directory)
    for path in stores:
        store = Store(str(path), create=False, read_only=True)
        for execution in sorted(store.executions(), key=lambda each: each.created_ms):
            name = _free(steady(execution.id), executions)
            entries = store.entries(execution.id, all=True)
            executions[name] = _execution(execution, [each for each in entries if each.live])
            effects += [each for each in _ledger.read(entries) if each.own and each.live and not each.compensation]
            for each in entries:
                if each.kind == "effect" and each.live and each.status == "done" and each.value is not None:
                    receipts[address_of(each)] = each.value.codec, each.value.read()
            for question in _answers.open_questions(store, execution.id):
                if question.kind == "effect":
                    doubts.add(address_of(store.entry(execution.id, question.seq)))
                else:
                    questions.append(question.text)
            for address, _ in interrupts_of(store, execution):
                if address[3]:
                    questions.append(address[3])
                else:
                    not_taken.append(execution.id)
        store.close()
    files = dict(watched)
    for file in sorted(directory.rglob("*")):
        if (
            file.is_file()
            and not any(file.is_relative_to(store) for store in stores)
            and "__pycache__" not in file.parts
        ):
            files[str(file.relative_to(directory))] = text_of(file.read_bytes(), directory)
    return Left(executions, files, effects, receipts, doubts, questions, not_taken)


def stores_in(directory: Path) -> list[Path]:
    """Every store under the directory."""
    return [index.parent for index in sorted(directory.rglob("index.db"))]


def address_of(entry: Entry) -> Address:
    """Where an entry stands, as the journal calls it."""
    return entry.kind, steady(entry.execution), steady_scope(entry.scope), entry.key, entry.occurrence


def interrupts_of(store: Store, execution: Execution) -> Iterator[tuple[Address, Callable[[Any], None]]]:
    """What the nodes of a LangGraph thread stopped to ask and are not over with, each with what answers it."""
    if execution.workflow != "langgraph":
        return
    from omium.langgraph import interrupts

    for each in interrupts.left_interrupts(store, execution.id):
        where = steady(execution.id), steady_scope(each.task.at.scope), steady(each.asked), len(each.answers)
        yield ("interrupt", *where), partial(interrupts.resume, store, each)


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
            # One call may stand at several steps of a graph.
            known[_free(f"{names}{again} [{entry.key[-6:]}]", known)] = entry.error or _tree(entry.value)
    return known


def _tree(value: Value | None) -> Any:
    return None if value is None else mapped(plain(value.codec, value.read()), steady)


def _free(name: str, taken: dict[str, Any]) -> str:
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free
