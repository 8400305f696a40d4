"""What an execution waits for, and settling it from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from omium import codec, config
from omium.effects import _intent, _ledger
from omium.effects._undo import refuse_open, unfinished
from omium.exceptions import EntryNotFound, InvalidInput
from omium.recovery._decisions import within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omium import _omium

__all__ = ["Question", "open_questions", "record", "settle"]


class Question(NamedTuple):
    """Something only an answer from outside settles."""

    seq: int
    kind: Literal["signal", "effect"]
    """`effect`: did it happen, and with which receipt?"""
    text: str
    choices: Sequence[Any] | None = None


def open_questions(store: _omium.Store, id: str) -> list[Question]:
    """The questions without an answer and the effects in doubt, in the order of seq.

    Of an execution whose rollback was interrupted only those its undos ask: it will go back behind the others.
    """
    log = store.entries(id, all=True)
    entries = [each for each in log if each.live]
    undoing = unfinished(store, id) is not None
    asked: dict[tuple[str, str, int], _omium.Entry] = {}
    for entry in entries:
        if entry.kind in ("signal", "tool"):
            address = entry.scope, entry.key, entry.occurrence
            asked.pop(address, None)
            if entry.status == "intent" and not (entry.kind == "tool" and entry.is_accounted_for()):
                asked[address] = entry
    # A note on a failure, such as that it ended the run, is no code that went on from it.
    gone_on_from = {each.prev for each in entries if each.kind != "note"}
    # A tool that waits for an answer itself is known to be under way.
    waiting = [each.scope for each in asked.values() if each.kind == "signal"]
    questions = [
        _question(each)
        for each in asked.values()
        if (each.kind == "signal" or not any(within(scope, each) for scope in waiting))
        and (not undoing or _intent.is_undo(each.scope))
    ]
    # Of the whole log: the receipt of an intent may have been undone by a rollback that went back to between them.
    for record in _ledger.read(log):
        if not record.intent.live or (undoing and not record.compensation):
            continue
        # A failure the code did not go on from ended the run; whether the effect happened is in doubt.
        ended = record.state == "failed" and record.live and record.seq not in gone_on_from
        if record.state == "in doubt" or ended:
            questions.append(Question(record.intent.seq, "effect", f"did {record.name} happen?"))
    return sorted(questions)


def settle(
    store: _omium.Store,
    id: str,
    value: Any = None,
    *,
    happened: bool = True,
    seq: int | None = None,
    typed: str | None = None,
) -> int:
    """Records the answer to a question, or what is known of an effect in doubt; returns its seq.

    `typed` is the text the value was read from, which may be the choice that was meant.
    """
    questions = open_questions(store, id)
    if not any(seq in (None, each.seq) for each in questions):
        refuse_open(store, id)
    if not questions and store.execution(id).workflow == "langgraph":
        raise InvalidInput(
            f"thread {id!r} waits for no answer of omium: one that stopped at interrupt() goes on with "
            f'graph.invoke(Command(resume=VALUE), {{"configurable": {{"thread_id": {id!r}}}}})'
        )
    question = _chosen(questions, id, seq)
    if question.kind == "signal" and not happened:
        raise InvalidInput(f"{id}@{question.seq} asks {question.text!r}: answer it with a value")
    if question.choices is not None:
        value = _choice(question.choices, value, typed)
    return record(store, id, question.seq, codec.dumps(value, config.settings().codec) if happened else None)


def _choice(choices: Sequence[Any], value: Any, typed: str | None) -> Any:
    """The choice that is meant: true is none of 1 and 2."""
    for meant in (value, typed) if typed is not None else (value,):
        for choice in choices:
            if choice == meant and isinstance(choice, bool) == isinstance(meant, bool):
                return choice
    raise InvalidInput(f"{value!r} is none of the choices: {', '.join(map(repr, choices))}")


def record(store: _omium.Store, id: str, seq: int, answer: codec.Blob | None) -> int:
    """Records the answer to what is open at `seq`; None says of an effect that it never happened."""
    entry = store.entry(id, seq)
    native = store.begin(store.execution(id).workflow, id, mode="attach")
    try:
        if not _intent.is_undo(entry.scope):
            # What follows on half a rollback would be taken for code that ran on. What an undo asks is part of it.
            refuse_open(store, id)
        claim = native.claim_at(seq)
        if answer is not None:
            return native.commit(claim, answer)
        given = None if entry.input is None else (entry.input.codec, entry.input.read())
        return native.intend(claim, input=given, meta=_intent.read(entry)._replace(cleared=True).blob())
    finally:
        native.release()


def _question(entry: _omium.Entry) -> Question:
    if entry.kind == "tool":
        # A framework's tool that began and left no result.
        return Question(entry.seq, "effect", f"did {entry.name} happen?")
    said: dict[str, Any] = {}
    if entry.input is not None:
        said = codec.loads(entry.input.codec, entry.input.read())
    return Question(entry.seq, "signal", said.get("question", entry.name), said.get("choices"))


def _chosen(questions: list[Question], id: str, seq: int | None) -> Question:
    listed = ", ".join(f"@{each.seq} {each.text}" for each in questions)
    if not questions:
        raise InvalidInput(f"execution {id!r} waits for no answer")
    if seq is not None:
        for each in questions:
            if each.seq == seq:
                return each
        raise EntryNotFound(f"nothing is open at {id}@{seq}; open are {listed}")
    if len(questions) > 1:
        raise InvalidInput(f"execution {id!r} waits for {len(questions)} answers, choose one by its seq: {listed}")
    return questions[0]
