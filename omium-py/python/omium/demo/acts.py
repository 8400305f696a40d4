"""The acts of the demo. Each tells its part, and returns what it promised and what it measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.demo.money import with_a_card
from omium.demo.outcome import Figures, Outcome, Promise, checkpoints, entries
from omium.view._text import size

if TYPE_CHECKING:
    from omium._omium import Entry
    from omium.demo.child import Stage
    from omium.demo.story import Story

__all__ = ["ACTS"]


def contents(log: list[Entry]) -> list[tuple[int, int, bytes | None]]:
    """What identifies a log down to its bytes."""
    return [(entry.seq, entry.parent, entry.value.digest if entry.value else None) for entry in log]


def in_plain_python(stage: Stage, story: Story) -> Outcome:
    """A workflow is killed and resumed; then rolled back, forked and replayed."""
    story.caption(
        "workflow.py writes a report in six steps, each one call to a model. The model is a local stand-in: slow, "
        "always the same, and it puts every finished call on a bill outside omium's store."
    )
    stage.take("workflow.py")
    stage.quietly("python", "workflow.py", "never-killed")
    needed = stage.calls()

    stage.settle()
    program = ("python", "workflow.py", "report")
    stage.watch(*program, kill_in_call=4)
    paid = stage.calls()
    story.caption(
        f"The process is gone; nothing could be saved on the way out. {paid} finished calls are on the bill. "
        "The same command again:"
    )
    resumed = stage.watch(*program)
    made = stage.calls()
    story.caption("The record answered what had finished, and the rest ran. This is the record:")
    stage.show("omium", "log", "report")
    log = entries(stage.store, "report")
    figures = Figures(
        program="workflow.py",
        calls_needed=needed,
        calls_made=made,
        calls_saved=paid,
        steps_recorded=len(resumed.recorded),
        steps_ran=len(resumed.ran),
        checkpoints=checkpoints(log),
        disk_bytes=stage.disk_bytes(".omium"),
        disk_bytes_beside=None,
    )
    promises = [
        *_same_work(stage, "report.md", needed, made),
        _rolled_back(stage, story),
        *_forked(stage, story),
        _replayed(stage, story, "report"),
    ]
    return Outcome(figures, promises)


def _same_work(stage: Stage, report: str, needed: int, made: int) -> list[Promise]:
    same = stage.text(report) == stage.text("never-killed.md")
    return [
        Promise("no finished model call was made again", f"{needed} needed, {made} made", made == needed),
        Promise("the result equals that of a run never interrupted", "byte by byte", same),
    ]


def _smaller(figures: Figures) -> Promise:
    ours, theirs = figures.disk_bytes, figures.disk_bytes_beside or 0
    seen = f"{size(ours)} beside {size(theirs)}"
    return Promise("less disk than langgraph-checkpoint-sqlite for the same run", seen, ours < theirs)


def _rolled_back(stage: Stage, story: Story) -> Promise:
    story.caption("Not happy with the last step? Back to the checkpoint before it, and on from there:")
    code = stage.show("omium", "rollback", "report", "--to", str(_last_source(stage)))
    stage.settle()
    stage.watch("omium", "resume", "report")
    again = stage.calls()
    story.caption("Nothing was erased. The old ending is still there, beside the new one:")
    stage.show("omium", "log", "report", "--graph")
    kept = code == 0 and again == 1
    return Promise("after a rollback only what came later ran again", f"{again} model call", kept)


def _last_source(stage: Stage) -> int:
    """The checkpoint before the last step: that of the last research."""
    return max(entry.seq for entry in entries(stage.store, "report") if entry.live and entry.name == "research")


def _forked(stage: Stage, story: Story) -> list[Promise]:
    story.caption(
        "What if the last source had said something else? A fork shares the past, here with one recorded result "
        "replaced, and runs on from there:"
    )
    import omium

    before = contents(entries(stage.store, "report"))
    omium.init(store=stage.store)
    at = _last_source(stage)
    story.python(f'omium.get("report").fork(at={at}, id="what-if", edit={{{at}: "Nobody knows."}})')
    omium.get("report").fork(at=at, id="what-if", edit={at: "Nobody knows."})
    stage.settle()
    stage.watch("omium", "resume", "what-if")
    made = stage.calls()
    stage.show("omium", "diff", "report", "what-if")
    after = contents(entries(stage.store, "report"))
    return [
        Promise("a fork ran only what its edit can change", f"{made} model call", made == 1),
        Promise("the fork left the original untouched", f"{len(after)} entries by their hashes", before == after),
    ]


def _replayed(stage: Stage, story: Story, execution: str, *options: str) -> Promise:
    if not options:
        story.caption("Replay runs the whole program on its record: a test of the code that costs nothing.")
    stage.settle()
    code = stage.show("omium", "replay", execution, *options, tail=12)
    made = stage.calls()
    return Promise("replay found no difference and made no model call", f"{made} made", code == 0 and made == 0)


def in_langgraph(stage: Stage, story: Story) -> Outcome:
    """A LangGraph agent is killed and resumed, beside the same agent on another saver."""
    story.caption(
        "agent.py is a LangGraph agent: it plans, then searches and reads in a loop of tool calls, then writes. "
        "Omium is one argument of it: compile(checkpointer=omium.langgraph.Saver())."
    )
    stage.take("agent.py", "beside.py")
    # The same graph on langgraph-checkpoint-sqlite, never killed: what is needed, and what it should say.
    stage.quietly("python", "beside.py", "never-killed")
    needed = stage.calls()

    stage.settle()
    program = ("python", "agent.py", "agent")
    stage.watch(*program, kill_in_call=8, restored=[])
    paid = stage.calls()
    kept = [f"{entry.name}: checkpoint @{entry.seq}" for entry in entries(stage.store, "agent")]
    story.caption(f"{paid} finished calls are on the bill, {len(kept)} checkpoints are in the store. Again:")
    resumed = stage.watch(*program, restored=kept)
    made = stage.calls()
    log = entries(stage.store, "agent")
    figures = Figures(
        program="agent.py",
        calls_needed=needed,
        calls_made=made,
        calls_saved=paid,
        steps_recorded=len(resumed.recorded),
        steps_ran=len(resumed.ran),
        checkpoints=checkpoints(log),
        disk_bytes=stage.disk_bytes(".omium"),
        disk_bytes_beside=stage.disk_bytes("sqlite.db"),
    )
    story.caption("Every verb works on LangGraph threads. What one turn of the agent added to its state:")
    stage.show("omium", "diff", f"agent@{log[3].seq}", f"agent@{log[5].seq}")
    story.caption(
        "A node acts each time it runs, so the replay of a thread walks its record: every value is read back and "
        "checked, and the graph is asked whether it would still take the same way."
    )
    promises = [
        *_same_work(stage, "agent.md", needed, made),
        _smaller(figures),
        _replayed(stage, story, "agent", "--code", "agent.py:build"),
    ]
    return Outcome(figures, promises)


ACTS = (
    ("A workflow in plain Python", in_plain_python),
    ("An agent in LangGraph", in_langgraph),
    ("A card, charged once", with_a_card),
)
