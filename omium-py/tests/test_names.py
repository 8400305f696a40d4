"""Ids and names are the user's: empty, endless, in any script, with any separator."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import omium

NAMES = [
    "",
    " ",
    "a/b#0~1:2@3",
    "../../etc/passwd",
    "%00'; DROP TABLE entries; --",
    "null\0byte",
    "line\nbreak\ttab",
    "Ünïcödé e\u0301 \u202e right to left",
    "漢字と絵文字 👩‍👩‍👧‍👦",
    "\ufeff\uffff\U0010ffff",
    "n" * 10_240,
    "ß" * 5_000,
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{name[:12]!a}-{len(name)}")
def test_any_name_and_id(name: str, ran: Counter[str]) -> None:
    @omium.step(name=name)
    def inner() -> str:
        ran["inner"] += 1
        return name

    @omium.step(name=name)
    def outer(text: str) -> dict[str, str]:
        ran["outer"] += 1
        return {text: inner()}

    @omium.workflow(name=name)
    def code(text: str) -> Any:
        return outer(text)

    for _ in range(2):
        run = code.options(id=name or "an id").start(name)
        assert run.result() == {name: name}
    assert ran == {"inner": 1, "outer": 1}
    assert (run.id, run.workflow) == (name or "an id", name)
    assert [each.name for each in run.checkpoints()] == [name, name]
    assert [each.id for each in omium.executions(workflow=name)] == [name or "an id"]
    other = run.fork(at=1, id=name + " fork", edit={name: "edited"})
    assert other.resume().result() == {name: "edited"}


def test_the_empty_id() -> None:
    """It is an id like any other, or refused: never mixed up with one that is missing."""
    try:
        with omium.execution("") as run:
            run.checkpoint(1)
    except omium.InvalidInput:
        return
    assert omium.get("").head == 1


def test_lone_surrogates_cannot_be_ids() -> None:
    with pytest.raises((omium.InvalidInput, UnicodeEncodeError)), omium.execution("\ud800"):
        pass


def test_checkpoint_labels() -> None:
    for _ in range(2):
        with omium.execution("x") as run:
            seqs = [run.checkpoint(i, label=name) for i, name in enumerate(NAMES)]
    assert seqs == list(range(1, len(NAMES) + 1))
    assert [each.name for each in run.checkpoints()] == NAMES
