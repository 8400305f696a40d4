"""What an execution waits for, and settling it from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from omium import _effects, _intent, codec, config
from omium.exceptions import EntryNotFound, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omium import _omium

__all__ = ["Question", "open_questions", "settle"]


class Question(NamedTuple):
    """Something only an answer from outside settles."""

    seq: int
    kind: Literal["signal", "effect"]
    """`effect`: did it happen, and with which receipt?"""
    text: str
    choices: Sequence[Any] | None = None


def open_questions(store: _omium.Store, id: str) -> list[Question]:
    """The questions without an answer and the effects in doubt, in the order of seq."""
    log = store.entries(id, all=True)
    entries = [each for each in log if each.live]
    asked: dict[tuple[str, str, int], Question] = {}
    for entry in entries:
        if entry.kind in ("signal", "tool"):
            address = entry.scope, entry.key, entry.occurrence
            if entry.status == "intent":
                asked[address] = _question(entry)
            else:
                asked.pop(address, None)
    gone_on_from = {each.prev for each in entries}
    questions = list(asked.values())
    # Of the whole log: the receipt of an intent may have been undone by a rollback that went back to between them.
    for record in _effects.read(log):
        if not record.intent.live:
            continue
        # A failure the code did not go on from ended the run; whether the effect happened is in doubt.
        ended = record.state == "failed" and record.live and record.seq not in gone_on_from
        if record.state == "in doubt" or ended:
            questions.append(Question(record.intent.seq, "effect", f"did {record.name} happen?"))
    return sorted(questions)


def settle(store: _omium.Store, id: str, value: Any = None, *, happened: bool = True, seq: int | None = None) -> int:
    """Records the answer to a question, or what is known of an effect in doubt; returns its seq."""
    question = _chosen(open_questions(store, id), id, seq)
    if question.kind == "signal" and not happened:
        raise InvalidInput(f"{id}@{question.seq} asks {question.text!r}: answer it with a value")
    if question.choices is not None and value not in question.choices:
        raise InvalidInput(f"{value!r} is none of the choices: {', '.join(map(repr, question.choices))}")
    native = store.begin(store.execution(id).workflow, id, mode="attach")
    try:
        claim = native.claim_at(question.seq)
        if happened:
            return native.commit(claim, codec.dumps(value, config.settings().codec))
        entry = store.entry(id, question.seq)
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
