"""`omium.ask`: a question is an intent, and its answer the receipt at the same address."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from omium import codec
from omium.exceptions import Divergence, InvalidInput, Waiting
from omium.runtime import _context, _turns
from omium.runtime._course import Disk, adrive, drive
from omium.runtime._place import Place

if TYPE_CHECKING:
    from collections.abc import Iterable

    from omium.runtime._course import Course

__all__ = ["aask", "ask", "ends"]


def ask(question: str, *, choices: Iterable[Any] | None = None) -> Any:
    """The answer somebody gives to the question, in this run or a later one.

    While there is none the execution ends as `waiting`, by an exception (Waiting) that code must let
    pass; `omium.answer`, or `omium answer EXEC VALUE`, gives it, and resuming goes on from here. With
    `choices` only one of them is taken for an answer.
    """
    given = _given(question, choices)
    place = _asking(given)
    if (entry := place.recorded) is not None:
        place.arrive(entry.seq)
        return _turns.answer(place, entry)
    try:
        return drive(_question(place, given))
    finally:
        place.leave()


async def aask(question: str, *, choices: Iterable[Any] | None = None) -> Any:
    """`ask` for async code."""
    given = _given(question, choices)
    place = _asking(given)
    if (entry := place.recorded) is not None:
        place.arrive(entry.seq)
        return await _turns.aanswer(place, entry)
    try:
        return await adrive(_question(place, given))
    finally:
        place.leave()


def _given(question: str, choices: Iterable[Any] | None) -> dict[str, Any]:
    if choices is None:
        return {"question": question}
    # The letters of a text are no choices, and a set has another order in every process.
    listed = [] if isinstance(choices, (str, bytes, set, frozenset)) else list(choices)
    if not listed:
        raise InvalidInput(f"choices is a list of the answers to choose from, not {choices!r}")
    return {"question": question, "choices": listed}


def _asking(given: dict[str, Any]) -> Place:
    frame = _context.frame()
    if frame is None:
        raise InvalidInput("ask() belongs inside an execution: nothing would keep the question")
    return Place(frame, "signal", "ask", given)


def _question(place: Place, given: dict[str, Any]) -> Course:
    run, question = place.run, given["question"]
    if run.native.mode == "record":
        raise ends(place, question)
    intent = place.intent
    if intent is None:
        seq = yield Disk(partial(place.intend, given=codec.dumps(given)))
    else:
        seq = intent.seq
    waiting = Waiting(f"{question} (answer {run.native.id}@{seq}, then resume)", execution=run.native.id, seq=seq)
    place.aborts(waiting)
    raise waiting


def ends(place: Place, what: str) -> Divergence:
    """A replay has come to where the record ends, in the middle of a wait."""
    return Divergence(f"the record ends while it waits: {what}", execution=place.run.native.id)
