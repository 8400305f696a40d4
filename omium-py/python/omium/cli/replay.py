"""`omium replay EXEC`: runs the code on its record, and nothing else: no model call, no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.cli._code import printing_aside
from omium.cli._errors import DONE, REFUSED, USAGE, CommandError
from omium.cli._target import find, open_store, quoted
from omium.cli._terminal import Terminal, plural, visible

if TYPE_CHECKING:
    from argparse import Namespace

__all__ = ["run"]


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Replays; exit code 3 when code and record disagree."""
    store = open_store(arguments)
    execution = find(store, arguments.target)
    if execution.workflow == "langgraph":
        from omium.cli._thread import replay_thread

        with printing_aside(arguments.json):
            return replay_thread(store, execution, arguments.graph, arguments.json, terminal)
    if arguments.graph is not None:
        raise CommandError(f"{quoted(execution.id)} is no LangGraph thread", "leave --graph out", USAGE)
    if execution.source is None:
        raise CommandError(
            f"the record of {quoted(execution.id)} does not say where its code is",
            f'its program replays it: with omium.execution({execution.id[:60]!r}, mode="replay"): ...',
        )
    import omium
    from omium.cli.resume import code_of

    omium.init(store=store.path)
    with printing_aside(arguments.json):
        code_of(execution.id, execution.workflow, execution.source)
        report = omium.get(execution.id).replay()
    diverged = report.diverged_at is not None
    if arguments.json:
        terminal.json(
            {
                "id": execution.id,
                "steps": report.steps,
                "diverged_at": report.diverged_at,
                "differences": [str(row) for row in report.differences],
            }
        )
        return REFUSED if diverged else DONE
    calls = plural(report.steps, "call")
    if not diverged:
        mark = terminal.style(terminal.glyph("✓", "ok"), "green")
        came_to = "the same failure" if execution.status == "failed" else "the same result"
        if execution.status not in ("completed", "failed"):
            came_to = "up to where it ends"
        terminal.print(f"{mark} {calls} answered from the record, {came_to}, nothing ran")
        return DONE
    terminal.print(f"{calls} answered from the record, then the code went another way:")
    for row in report.differences:
        terminal.print(f"  {visible(str(row))}")
    terminal.error(
        f"the code diverges from the record of {quoted(execution.id)} at @{report.diverged_at}",
        "bring back the code that made the record, or omium fork before that entry and go on from there",
    )
    return REFUSED
