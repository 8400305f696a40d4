"""A LangGraph thread at `interrupt()`: what it asks, and the line that goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from omium.cli._errors import CommandError
from omium.cli._target import quoted
from omium.cli._terminal import visible
from omium.view._inspect import Typed, plain
from omium.view._pretty import one_line

if TYPE_CHECKING:
    from omium._omium import Execution, Store

__all__ = ["Asked", "asked", "refuse_answer", "resuming"]

_WIDTH = 100

# As LangGraph calls them, which need not be installed here.
_INTERRUPT = "__interrupt__"
_OF_A_TASK_THAT_RUNS_AGAIN = (_INTERRUPT, "__resume__", "__error__")


class Asked(NamedTuple):
    """One interrupt."""

    id: str | None
    text: str


def asked(store: Store, execution: Execution) -> list[Asked]:
    """What the thread waits to be resumed with; nothing of any other execution."""
    if execution.workflow != "langgraph" or execution.status != "waiting":
        return []
    found: list[Asked] = []
    for state in store.list_states(execution.id, scope="", limit=1):
        over = {write.task for write in state.writes if write.channel not in _OF_A_TASK_THAT_RUNS_AGAIN}
        for write in state.writes:
            if write.channel == _INTERRUPT and write.task not in over:
                interrupts = plain(write.value.codec, write.value.read())
                found += map(_asked, interrupts if isinstance(interrupts, list) else [interrupts])
    return found


def resuming(execution: Execution, interrupts: list[Asked]) -> str:
    """The call to paste into the program, where its graph is."""
    ids = [each.id for each in interrupts if each.id is not None]
    value = "{" + ", ".join(f"{id!r}: VALUE" for id in ids) + "}" if len(ids) > 1 else "VALUE"
    return f'graph.invoke(Command(resume={value}), {{"configurable": {{"thread_id": {execution.id!r}}}}})'


def refuse_answer(store: Store, execution: Execution) -> None:
    """Raises where the thread waits at `interrupt()`, which only its graph takes the answer to."""
    interrupts = asked(store, execution)
    if interrupts:
        what = visible(interrupts[0].text)
        raise CommandError(
            f"{quoted(execution.id)} waits at interrupt(), and its graph takes the answer: {what}",
            resuming(execution, interrupts),
        )


def _asked(interrupt: Any) -> Asked:
    parts = interrupt.value if isinstance(interrupt, Typed) else None
    if not isinstance(parts, dict):
        return Asked(None, one_line(interrupt, _WIDTH))
    value = parts.get("value")
    id = parts.get("id")
    return Asked(id if isinstance(id, str) else None, value if isinstance(value, str) else one_line(value, _WIDTH))
