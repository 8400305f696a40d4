"""The acts of the demo. Each tells its part, and returns what it promised and what it measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from omium._omium import Store

if TYPE_CHECKING:
    from pathlib import Path

    from omium._omium import Entry
    from omium.demo.child import Stage
    from omium.demo.story import Story

__all__ = ["ACTS", "Figures", "Outcome", "Promise"]


class Promise(NamedTuple):
    """Something omium says, and what was seen of it."""

    text: str
    seen: str
    kept: bool


class Figures(NamedTuple):
    """The column of an act in the final table."""

    program: str
    calls_needed: int
    calls_made: int
    calls_saved: int
    steps_recorded: int
    steps_ran: int
    checkpoints: int
    disk_bytes: int
    disk_bytes_beside: int | None


class Outcome(NamedTuple):
    """What an act leaves."""

    figures: Figures
    promises: list[Promise]


def entries(store: Path, execution: str) -> list[Entry]:
    """The log of an execution, also what rollbacks left behind."""
    return Store(str(store), create=False, read_only=True).entries(execution, all=True)


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

    program = ("python", "workflow.py", "report")
    stage.watch(*program, kill_in_call=4)
    before = stage.calls() - needed
    story.caption(
        f"The process is gone: no handler ran, nothing could be saved on the way out. {before} finished calls are "
        "on the bill. The same command again:"
    )
    resumed = stage.watch(*program)
    made = stage.calls() - needed
    story.caption("The record answered what had finished, and the rest ran. This is the record:")
    stage.show("omium", "log", "report")
    return _afterwards(stage, story, needed, made, before, len(resumed.recorded), len(resumed.ran))


def _afterwards(stage: Stage, story: Story, needed: int, made: int, saved: int, recorded: int, ran: int) -> Outcome:
    import omium

    promises = [
        Promise("no finished model call was made again", f"{needed} needed, {made} made", made == needed),
        Promise(
            "the report equals one that was never interrupted",
            "compared byte by byte",
            stage.text("report.md") == stage.text("never-killed.md"),
        ),
    ]
    checkpoints = len(entries(stage.store, "report"))
    disk_bytes = stage.disk_bytes(".omium")

    story.caption("Not happy with the last step? Back to the checkpoint before it, and on from there:")
    code = stage.show("omium", "rollback", "report", "--to", "5")
    calls = stage.calls()
    stage.watch("omium", "resume", "report")
    again = stage.calls() - calls
    promises.append(Promise("rollback ran only what came after it", f"{again} model call", code == 0 and again == 1))
    stage.show("omium", "log", "report", "--graph")

    story.caption(
        "What if the outline had been shorter? A fork shares the past, here with the recorded outline replaced; "
        "the original stays as it is:"
    )
    original = contents(entries(stage.store, "report"))
    points = ["who pays for a retry", "how to go back"]
    story.command(f'omium.get("report").fork(at=1, id="report-short", edit={{"outline": {points}}})')
    omium.init(store=str(stage.store))
    omium.get("report").fork(at=1, id="report-short", edit={"outline": points})
    calls = stage.calls()
    stage.watch("omium", "resume", "report-short")
    fresh = stage.calls() - calls
    stage.show("omium", "diff", "report", "report-short")
    promises.append(Promise("a fork ran only what the edit changed", f"{fresh} model calls", fresh == len(points) + 1))
    promises.append(
        Promise(
            "the fork left the original untouched",
            f"{len(original)} entries compared by their hashes",
            contents(entries(stage.store, "report")) == original,
        )
    )

    story.caption("Replay runs the whole program on its record: a test of the code that costs nothing.")
    calls = stage.calls()
    code = stage.show("omium", "replay", "report")
    replayed = stage.calls() - calls
    promises.append(Promise("replay made no model call", f"{replayed} made", code == 0 and replayed == 0))
    figures = Figures("workflow.py", needed, made, saved, recorded, ran, checkpoints, disk_bytes, None)
    return Outcome(figures, promises)


def in_langgraph(stage: Stage, story: Story) -> Outcome:
    """A LangGraph agent is killed and resumed, beside the same agent on another saver."""
    story.caption(
        "agent.py is a LangGraph agent: it plans, then searches and reads in a loop of tool calls, then writes. "
        "omium is in one argument: compile(checkpointer=omium.langgraph.Saver())."
    )
    stage.take("agent.py", "beside.py")
    # The same graph on langgraph-checkpoint-sqlite, never killed: what is needed, and what it should say.
    stage.quietly("python", "beside.py", "never-killed")
    needed = stage.calls()

    program = ("python", "agent.py", "agent")
    stage.watch(*program, kill_in_call=8, restored=[])
    before = stage.calls() - needed
    kept = entries(stage.store, "agent")
    story.caption(f"{before} finished calls are on the bill, {len(kept)} checkpoints in the store. Again:")
    resumed = stage.watch(*program, restored=[f"@{entry.seq} {entry.name}" for entry in kept])
    made = stage.calls() - needed
    log = entries(stage.store, "agent")
    story.caption("Every verb works on LangGraph threads too. What one turn of the agent changed:")
    stage.show("omium", "diff", f"agent@{log[3].seq}", f"agent@{log[5].seq}")

    story.caption(
        "A node acts each time it runs, so the replay of a thread walks its record: every value is read back and "
        "checked, and the graph is asked whether it would still take the same way."
    )
    calls = stage.calls()
    code = stage.show("omium", "replay", "agent", "--graph", "agent.py:build")
    replayed = stage.calls() - calls
    promises = [
        Promise("no finished model call was made again", f"{needed} needed, {made} made", made == needed),
        Promise(
            "the report equals one that was never interrupted",
            "compared byte by byte",
            stage.text("agent.md") == stage.text("never-killed.md"),
        ),
        Promise("replay made no model call", f"{replayed} made", code == 0 and replayed == 0),
    ]
    figures = Figures(
        "agent.py",
        needed,
        made,
        before,
        len(kept),
        len(resumed.ran),
        len(log),
        stage.disk_bytes(".omium"),
        stage.disk_bytes("sqlite.db"),
    )
    return Outcome(figures, promises)


ACTS = (
    ("A workflow in plain Python", in_plain_python),
    ("An agent in LangGraph", in_langgraph),
)
