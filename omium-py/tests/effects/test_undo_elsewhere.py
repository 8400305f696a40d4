"""Effects that a program in another language did: a rollback from here says so, and leaves them to it."""

from __future__ import annotations

import pytest

import omium
from omium import InvalidInput, codec
from omium.effects import _intent


def rust(undo: bool, receipt: str | None) -> omium.Execution[None]:
    """An execution as a program in Rust leaves it."""
    store = omium.config.store()
    run = store.begin("buy", "x")
    claim = run.claim("effect", "", "charge", b"order-7")
    note = _intent.Note("key", "x", 0, undo=undo, language="rust")
    run.intend(claim, input=codec.dumps({"key": "order-7"}), meta=note.blob())
    if receipt is not None:
        run.commit(claim, codec.dumps(receipt))
    run.complete(None)
    return omium.get("x")


@pytest.mark.parametrize("receipt", ["r-7", None])
def test_the_plan_leaves_it_to_its_program(receipt: str | None) -> None:
    run = rust(undo=True, receipt=receipt)
    head = run.head
    (planned,) = run.rollback(0, plan=True).effects
    assert (planned.action, planned.why) == ("refuse", "only its own program, in Rust, undoes it")
    with pytest.raises(InvalidInput, match="abandon_effects"):
        run.rollback(0)
    assert run.head == head
    assert run.rollback(0, abandon_effects=True).undone == []
    assert run.head == 0


def test_one_without_an_undo_is_left_standing() -> None:
    run = rust(undo=False, receipt="r-7")
    (planned,) = run.rollback(0, plan=True).effects
    assert (planned.action, planned.why) == ("leave", "it declares no undo")
