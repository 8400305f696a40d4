"""`omium replay EXEC`: runs the code on its record, and nothing else: no step, no model call, no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.cli._code import load, printing_aside, program
from omium.cli._errors import DONE, REFUSED, CommandError
from omium.cli._target import find, open_store, quoted
from omium.cli._terminal import Terminal, plural, visible

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import Execution, Store
    from omium._replay import ReplayReport

__all__ = ["run"]

_SAME = {"completed": "the same result", "failed": "the same failure"}


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Replays; exit code 3 when code and record disagree."""
    from omium._replay import ThreadInReplay

    store = open_store(arguments)
    execution = find(store, arguments.target)
    if execution.workflow == "langgraph":
        from omium.cli._thread import replay_thread

        with printing_aside(arguments.json):
            return replay_thread(store, execution, arguments.code, arguments.json, terminal)
    with printing_aside(arguments.json):
        try:
            report = _report(store, execution, arguments.code)
        except ThreadInReplay as met:
            hint = f"replay the thread by itself: omium replay {quoted(met.thread)} --code agent.py:graph"
            raise CommandError(str(met), hint) from met
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
        came_to = _SAME.get(execution.status, "up to where it ends")
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


def _report(store: Store, execution: Execution, code: str | None) -> ReplayReport:
    import omium
    from omium._replay import reading
    from omium.cli.resume import code_of
    from omium.workflow import AsyncWorkflow, Workflow

    if (named := program(code)) is not None:
        from omium.cli._program import replay_program

        return replay_program(store, execution, named)
    if code is None and execution.source is None:
        id = quoted(execution.id)
        raise CommandError(
            f"the record of {id} does not say which program made it",
            f"name it, with its arguments: omium replay {id} --code 'agent.py ARGUMENTS'",
        )
    with reading(store.path):
        handle = omium.get(execution.id)
        if code is not None:
            found = load(code)
            if not isinstance(found, Workflow | AsyncWorkflow):
                raise CommandError(
                    f"{visible(code)} is no workflow",
                    "name one as agent.py:research, or the program: 'agent.py ARGUMENTS'",
                )
            return found.replay(handle)
        code_of(execution.id, execution.workflow, execution.source)
        return handle.replay()
