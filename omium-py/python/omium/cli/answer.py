"""`omium answer EXEC VALUE`: settles what an execution waits for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from omium.cli._errors import DONE, USAGE, CommandError
from omium.cli._interrupts import refuse_answer
from omium.cli._target import exists, find, open_store, quoted, runs_on, split
from omium.cli._terminal import Terminal, visible

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import Store
    from omium.effects._answers import Question

__all__ = ["run", "value_of"]

_NOT = "did not happen"


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Records the answer, or lists what is asked; runs nothing."""
    from omium.effects import _answers

    asks = arguments.value is None and not arguments.did_not_happen
    store = open_store(arguments, write=not asks)
    id, seq = split(arguments.target)
    if seq is not None and exists(store, arguments.target):
        id, seq = arguments.target, None
    execution = find(store, id)
    if not _answers.open_questions(store, id):
        refuse_answer(store, execution)
    if asks:
        _list(store, _answers.open_questions(store, id), arguments, terminal, id)
        return DONE
    if arguments.value is not None and arguments.did_not_happen:
        raise CommandError("an effect that did not happen has no receipt", "leave out VALUE", USAGE)
    happened = not arguments.did_not_happen
    if arguments.value == _NOT and not arguments.text:
        happened = not any(
            each.kind == "effect" and seq in (None, each.seq) for each in _answers.open_questions(store, id)
        )
    value = arguments.value
    if not happened:
        value = None
    elif value is not None and not arguments.text:
        value = value_of(value)
    answered = _answers.settle(store, id, value, happened=happened, seq=seq, typed=arguments.value)
    if arguments.json:
        terminal.json({"execution": id, "seq": answered})
        return DONE
    terminal.note(f"{quoted(id)}@{answered} holds the answer")
    left = _answers.open_questions(store, id)
    if left:
        _list(store, left, arguments, terminal, id)
    elif execution.status == "cancelled":
        terminal.note(f"{quoted(id)} is cancelled and stays so: nothing runs on from there")
        terminal.hint(f"omium fork {quoted(id)} goes on with the answer, under another id")
    elif execution.status == "completed":
        terminal.note(f"{quoted(id)} has completed and stays so")
    else:
        terminal.hint(f"{runs_on(execution)} runs on from there")
    return DONE


def value_of(text: str) -> Any:
    """JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _list(store: Store, questions: list[Question], arguments: Namespace, terminal: Terminal, id: str) -> None:
    if arguments.json:
        terminal.json([{**each._asdict(), "choices": each.choices and [*each.choices]} for each in questions])
        return
    if not questions:
        terminal.note(f"{quoted(id)} waits for no answer")
    for each in questions:
        more = _called(store, each, id) if each.kind == "effect" else " | ".join(map(str, each.choices or ()))
        terminal.print(f"@{each.seq}  {visible(each.text)}" + (f"  ({visible(more)})" if more else ""))
    if any(each.kind == "effect" for each in questions):
        terminal.hint(f"omium answer {quoted(id)}@SEQ RECEIPT if it happened, else --did-not-happen")


def _called(store: Store, question: Question, id: str) -> str:
    """Which of two charges is meant shows in what they were called with."""
    from omium.cli._effects import arguments_of

    return arguments_of(store.entry(id, question.seq))
