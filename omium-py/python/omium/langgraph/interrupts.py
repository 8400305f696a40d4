"""What a thread stopped to ask by `interrupt()`, and the answer as LangGraph keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME

from omium.langgraph.convert import Address, loader, to_config
from omium.langgraph.saver import Saver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omium._omium import State, Store, Value, Write

__all__ = ["Interrupt", "left_interrupts", "resume"]

_OF_A_TASK_THAT_RUNS_AGAIN = (INTERRUPT, RESUME, ERROR)


class Task(NamedTuple):
    """A task that is still to run."""

    at: Address
    """The checkpoint it runs from."""
    id: str
    path: str


class Interrupt(NamedTuple):
    """What a task stopped to ask."""

    task: Task
    around: tuple[Task, ...]
    """Those whose subgraph the task is in."""
    asked: str
    """What it asks, as text; nothing when it was answered and the graph has not gone on yet."""
    answers: tuple[Any, ...]
    """What the task was answered so far."""


def left_interrupts(store: Store, thread: str) -> list[Interrupt]:
    """What the tasks ask that are still to run, in their order; answered and waiting ones alike."""
    newest: dict[str, State] = {}
    for state in store.list_states(thread):
        newest.setdefault(state.scope, state)
    return [*_left(newest, "")]


def resume(store: Store, interrupt: Interrupt, value: Any) -> None:
    """Answers one, as `Command(resume={its id: value})` does; the graph then goes on with `invoke(None)`.

    The thread asks it no more, so that a program that looks whether it does goes on.
    """
    saver, task = Saver(store), interrupt.task
    saver.put_writes(to_config(task.at), [(RESUME, [*interrupt.answers, value])], task.id, task.path)
    for each in (task, *interrupt.around):
        saver.put_writes(to_config(each.at), [(INTERRUPT, ())], each.id, each.path)


def _left(newest: dict[str, State], scope: str, around: tuple[Task, ...] = ()) -> Iterator[Interrupt]:
    state = newest.get(scope)
    if state is None:
        return
    tasks: dict[str, list[Write]] = {}
    for write in state.writes:
        tasks.setdefault(write.task, []).append(write)
    for id, writes in sorted(tasks.items(), key=lambda each: (each[1][0].path, each[0])):
        asked = [write for write in writes if write.channel == INTERRUPT]
        if not asked or any(write.channel not in _OF_A_TASK_THAT_RUNS_AGAIN for write in writes):
            continue
        task = Task(Address(state.execution, state.scope, state.key), id, asked[0].path)
        # A subgraph asks through the task that runs it; LangGraph names its checkpoints after that.
        scopes = [other for other in newest if _is_below(other, id)]
        inner = [each for other in scopes for each in _left(newest, other, (*around, task))]
        answers = [answer for write in writes if write.channel == RESUME for answer in _read(write.value)]
        text = ", ".join(str(getattr(each, "value", each)) for each in _read(asked[0].value))
        yield from inner or [Interrupt(task, around, text, tuple(answers))]


def _is_below(scope: str, task: str) -> bool:
    *_, last = (element for element in scope.split("|") if not element.isdigit())
    return last.endswith(f":{task}")


def _read(value: Value) -> list[Any]:
    found = loader(JsonPlusSerializer())(value)
    return [*found] if isinstance(found, (list, tuple)) else [found]
