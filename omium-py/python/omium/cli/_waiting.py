"""What an execution waits for, and the command that goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.cli._interrupts import asked, resuming
from omium.cli._target import exists, quoted
from omium.cli._terminal import visible

if TYPE_CHECKING:
    from omium._omium import Execution, Store
    from omium.cli._terminal import Terminal

__all__ = ["how_to_answer", "tell_what_it_waits_for"]


def tell_what_it_waits_for(store: Store, execution: Execution, terminal: Terminal) -> None:
    """Every question with its entry, every interrupt, and how they are answered."""
    from omium.effects._answers import open_questions

    questions, interrupts = open_questions(store, execution.id), asked(store, execution)
    for question in questions:
        terminal.note(f"@{question.seq} {visible(question.text)}")
    if questions or not interrupts:
        terminal.hint(how_to_answer(store, execution.id))
    for each in interrupts:
        terminal.note(f"interrupt: {visible(each.text)}")
    if interrupts:
        terminal.hint(resuming(execution, interrupts))


def how_to_answer(store: Store, id: str) -> str:
    """The command that answers what an execution waits for; that an effect happened can be denied, too."""
    from omium.effects._answers import open_questions

    where = quoted(id)
    questions = open_questions(store, id) if exists(store, id) else []
    if questions and questions[-1].kind == "effect":
        return f"omium answer {where} RECEIPT, or omium answer {where} --did-not-happen"
    return f"omium answer {where} VALUE"
