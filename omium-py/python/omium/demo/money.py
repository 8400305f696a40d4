"""The act with money in it: a card charged once, a failed check, a rollback that refunds."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from omium.demo.outcome import Figures, Outcome, Promise, checkpoints, entries

if TYPE_CHECKING:
    from omium.demo.child import Stage
    from omium.demo.story import Story

__all__ = ["with_a_card"]

_REFUND = "refunded 360 euros"


def with_a_card(stage: Stage, story: Story) -> Outcome:
    """Two travel agents are killed between a charge and its record; one of them repairs a failed check."""
    beside = _charged_beside(stage, story)
    story.caption(
        "trip.py does the same with @omium.effect: that the charge begins is on disk before it begins, and on resume "
        "the provider is asked what became of it."
    )
    stage.settle()
    program = ("omium", "run", "trip.py", "trip")
    stage.run_and_kill(*program, after="provider: charged")
    paid = stage.calls()
    once = len(stage.payments())
    kept = _calls(stage)
    story.caption("The same command again:")
    failed = stage.show(*program)
    after_resume = stage.payments()[once:]
    calls, needed = stage.calls(), len(set(stage.text("bill.txt").splitlines()))
    steps_ran = _calls(stage) - kept
    story.caption("What the payment provider has in its book by now:")
    story.side_by_side({"LANGGRAPH WITH SQLITESAVER": beside, "OMIUM": stage.payments()[len(beside) :]})
    story.caption(
        "But the check of the last step failed: four nights were booked, not three. So back to before the booking. "
        "The plan first:"
    )
    found = next(entry.seq for entry in entries(stage.store, "trip") if entry.name == "search")
    stage.show("omium", "rollback", "trip", "--to", str(found), "--plan")
    planned = stage.payments()[once:]
    rolled_back = stage.show("omium", "rollback", "trip", "--to", str(found), tail=3)
    story.caption("The charge was undone by the refund it declares. The model is asked again, and the rest runs:")
    resumed = stage.show(*program)
    story.caption("What the payment provider has in its book of it at the end:")
    book = stage.payments()[len(beside) :]
    story.output("\n".join(book))
    log = entries(stage.store, "trip")
    result = ast.literal_eval(stage.text("trip.txt"))
    figures = Figures(
        program="trip.py",
        calls_needed=needed,
        calls_made=calls,
        calls_saved=paid,
        steps_recorded=kept,
        steps_ran=steps_ran,
        checkpoints=checkpoints(log),
        disk_bytes=stage.disk_bytes(".omium"),
        disk_bytes_beside=None,
    )
    promises = [
        Promise("LangGraph with SqliteSaver charged the card twice", f"{len(beside)} charges", len(beside) == 2),
        Promise("omium charged it once", f"{once - len(beside) + len(after_resume)} charge", not after_resume),
        Promise("no finished model call was made again", f"{needed} needed, {calls} made", calls == needed),
        Promise("the failed check ended the run", f"exit code {failed}", failed == 1),
        Promise("a plan does nothing", f"{len(planned)} payments by it", not planned),
        Promise(
            "the rollback refunded, once",
            f"{book.count(_REFUND)} refund",
            rolled_back == 0 and book.count(_REFUND) == 1,
        ),
        Promise(
            "the repaired trip is booked and paid as asked",
            f"{result['nights']} nights",
            resumed == 0 and result["nights"] == 3 and book == ["charged 360 euros", _REFUND, "charged 270 euros"],
        ),
    ]
    return Outcome(figures, promises)


def _calls(stage: Stage) -> int:
    """The calls that have ended, as the record has them."""
    log = entries(stage.store, "trip")
    return sum(entry.kind in ("step", "effect") and entry.status != "intent" for entry in log)


def _charged_beside(stage: Stage, story: Story) -> list[str]:
    story.caption(
        "A travel agent pays by card. The worst moment to die is between the charge and its record. First in LangGraph "
        "with SqliteSaver; the payment provider keeps its own book, outside of every store."
    )
    stage.take("trip.py", "trip_beside.py")
    program = ("python", "trip_beside.py", "trip")
    stage.run_and_kill(*program, after="provider: charged")
    story.caption("The same command again: the node did not finish, so it runs again, and so does the charge in it.")
    stage.show(*program)
    (stage.directory / "bill.txt").unlink()
    return stage.payments()
