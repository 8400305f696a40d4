"""What a run tells while it goes on: to the logger `omium`, and to whoever asked with `omium.on`.

Only of what is durable: a listener never hears of an entry that a crash takes back. Names, numbers and classes
of errors are told; values, messages of errors and arguments never are. A replay tells nothing: nothing happens in it.
"""

from __future__ import annotations

import sys
import threading
from functools import update_wrapper
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from omium.exceptions import InvalidInput
from omium.runtime import _context

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping

    from omium.runtime._live import LiveRun

__all__ = ["CALLS", "EVENTS", "Answered", "Event", "Hook", "entry", "hears", "in_doubt", "of_execution", "on"]

CALLS = {
    "step": "step",
    "effect": "effect",
    "llm": "model call",
    "tool": "tool",
    "signal": "question",
    "timer": "sleep",
}
"""The kinds of calls, and the words for them."""
EVENTS = (*CALLS, "failure", "doubt", "begin", "resume", "wait", "complete")

_DEBUG, _INFO, _WARNING = 10, 20, 30
"""The levels of `logging`, which is not imported for their sake."""
_NOTHING: Mapping[str, int] = MappingProxyType({})


class Event(NamedTuple):
    """Something that is on record."""

    event: str
    """What it was heard as, one of the names `omium.on` takes."""
    execution: str
    seq: int
    """Its entry; of the execution as a whole: the entry it had come to."""
    name: str
    """That of the step, effect, model or tool; of the execution as a whole: its workflow."""
    kind: str
    """The kind of the entry; `execution` for the execution as a whole."""
    status: str
    """`done`, `failed` or `intent` of an entry, and the status of an execution."""
    duration_ms: int = 0
    from_record: bool = False
    """Whether an earlier run recorded it, and this one was given the answer."""
    usage: Mapping[str, int] = _NOTHING
    error: str | None = None
    """The class of what failed; its message may hold values, and stands in the record alone."""


class Hook:
    """A function that is told of events, until it is removed."""

    def __init__(self, events: tuple[str, ...], function: Callable[[Event], object]) -> None:
        self.__qualname__ = type(function).__qualname__
        update_wrapper(self, function)
        self._events = events
        self._function = function

    def __call__(self, event: Event) -> object:
        return self._function(event)

    def remove(self) -> None:
        """It is told no more. Called again, it does nothing."""
        with _lock:
            for name in self._events:
                _hooks[name] = tuple(each for each in _hooks.get(name, ()) if each is not self)
                if not _hooks[name]:
                    del _hooks[name]


_lock = threading.Lock()
_hooks: dict[str, tuple[Hook, ...]] = {}
_known: logging.Logger | None = None


def on(*events: str) -> Callable[[Callable[[Event], object]], Hook]:
    """Has a function called after something is on record: `omium.on("step", "effect")(tell)`, or as a decorator.

    Calls: step, effect, llm, tool, signal, timer. failure: one of them failed for good, or the execution did. doubt:
    an effect began in an earlier run and left no receipt. The execution: begin, resume, wait, complete. What is
    answered from the record is told too, marked `from_record`; a replay tells nothing.

    The function is plain, and is called in the thread that recorded: for async code that is a worker thread. It gets an
    `Event` and is waited for, so it hands on what takes long. Its errors are logged, and change nothing.
    `remove()` of what comes back ends it.
    """
    unknown = [name for name in events if name not in EVENTS]
    if unknown or not events:
        named = f"not {', '.join(map(repr, unknown))}" if unknown else "at least one"
        raise InvalidInput(f"omium.on takes names of events, {named}: {', '.join(EVENTS)}")

    def add(function: Callable[[Event], object]) -> Hook:
        from inspect import iscoroutinefunction

        if not callable(function) or iscoroutinefunction(function):
            raise InvalidInput(f"a hook is a plain function, not {function!r}: let it put the event into a queue")
        hook = Hook(events, function)
        with _lock:
            for name in dict.fromkeys(events):
                _hooks[name] = (*_hooks.get(name, ()), hook)
        return hook

    return add


def hears() -> bool:
    """Whether anybody would be told of a call."""
    if _hooks:
        return True
    logger = _known or _logger()
    return logger is not None and logger.isEnabledFor(_DEBUG)


class Answered:
    """How much of a resumed run came from the record, until it came to something new."""

    __slots__ = ("_counts", "_told")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._told = False

    def add(self, kind: str) -> None:
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def goes_live(self, run: LiveRun) -> None:
        """What is asked for next is not on record. Said once."""
        if self._told or not self._counts:
            return
        self._told = True
        _log(_INFO, "%s: resumed, %s answered from the record", run.native.id, self)

    def __str__(self) -> str:
        kinds = [(self._counts[kind], word) for kind, word in CALLS.items() if kind in self._counts]
        counted = [f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in kinds]
        return " and ".join(filter(None, [", ".join(counted[:-1]), *counted[-1:]]))


def entry(
    run: LiveRun,
    seq: int,
    name: str,
    kind: str,
    status: str,
    *,
    duration_ms: int = 0,
    usage: Mapping[str, int] | None = None,
    error: str | None = None,
    from_record: bool = False,
) -> None:
    """An entry was recorded, or has answered."""
    id = run.native.id
    failed = status == "failed"
    cause = error.partition(":")[0] if error else None
    how = "answered from the record" if from_record else f"{'failed' if failed else 'recorded'}, {duration_ms} ms"
    _log(_DEBUG, "%s@%d: %s %s %s", id, seq, CALLS.get(kind, kind), name, f"{how} ({cause})" if failed else how)
    told = MappingProxyType(dict(usage)) if usage else _NOTHING
    event = Event("failure" if failed else kind, id, seq, name, kind, status, duration_ms, from_record, told, cause)
    _tell(event)


def in_doubt(run: LiveRun, seq: int, name: str, policy: str) -> None:
    """An earlier run began an effect and left no receipt."""
    id = run.native.id
    _log(
        _WARNING,
        "%s@%d: effect %s began in an earlier run and may have happened; its policy: %s",
        id,
        seq,
        name,
        policy,
    )
    _tell(Event("doubt", id, seq, name, "effect", "intent", from_record=True))


def of_execution(run: LiveRun, event: str, status: str, *, error: BaseException | None = None) -> None:
    """An execution begins, is resumed, waits, has completed or has failed."""
    native = run.native
    if native.mode != "live":
        return
    cause = None if error is None else type(error).__qualname__
    by = f", which {run.died} left behind" if event == "resume" and run.died else ""
    said = {"begin": "begins", "resume": f"is resumed{by}", "wait": "waits for an answer", "complete": "completed"}
    _log(_INFO, "%s: %s", native.id, said.get(event, f"failed ({cause})"))
    if event in _hooks:
        head = run.store.execution(native.id).head
        _tell(Event(event, native.id, head, native.workflow, "execution", status, error=cause))


def _tell(event: Event) -> None:
    hooks = _hooks.get(event.event)
    if not hooks:
        return
    # What a hook does is no part of the execution it is told of.
    outer = _context.current.get()
    _context.current.set(_context.nowhere())
    try:
        for hook in hooks:
            try:
                hook(event)
            except Exception:  # It must not harm the run.
                logger = _logger()
                if logger is not None:
                    logger.exception("a hook for %r failed: %s", event.event, hook.__qualname__)
    finally:
        _context.current.set(outer)


def _log(level: int, message: str, *arguments: object) -> None:
    logger = _logger()
    if logger is not None:
        logger.log(level, message, *arguments)


def _logger() -> logging.Logger | None:
    """The logger `omium`. None where the program never imported `logging`: then nobody listens to it."""
    global _known
    if _known is None:
        module = sys.modules.get("logging")
        if module is None:
            return None
        _known = module.getLogger("omium")
        # What nobody configured goes nowhere, also what is worth a warning.
        _known.addHandler(module.NullHandler())
    return _known


def after_fork() -> None:
    """Replaces a lock another thread may have held at the fork."""
    global _lock
    _lock = threading.Lock()
