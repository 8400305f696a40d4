"""`omium torture SCRIPT`: kills a program wherever it can die, continues it, and compares."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omium.cli._code import parsed
from omium.cli._errors import DONE, FAILED, INTERRUPTED, CommandError
from omium.cli._target import mention_misplaced
from omium.cli._terminal import Terminal, plural, visible
from omium.cli.answer import value_of

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from omium.torture.campaign import Findings, Found

__all__ = ["run"]

_SHOWN = 3


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Tortures and reports; exit code 1 when a promise was broken."""
    from omium.torture.campaign import torture
    from omium.torture.person import Person
    from omium.torture.trial import Program

    mention_misplaced(arguments, terminal)
    script = Path(arguments.script).absolute()
    parsed(arguments.script)
    lacking = next((path for path in arguments.given if not Path(path).exists()), None)
    if lacking is not None:
        raise CommandError(f"there is nothing at {visible(lacking)}", "--with names a file or a directory to copy")
    with _directory(arguments.keep) as base:
        given = [Path(path).absolute() for path in arguments.given]
        watched = [Path(path).absolute() for path in arguments.watch]
        person = Person([value_of(text) for text in arguments.answer], {}, {})
        program = Program(script, arguments.arguments, base, given, watched, person)
        findings = torture(
            program,
            limit=arguments.limit,
            jobs=arguments.jobs,
            keep=arguments.keep is not None,
            progress=terminal.progress(f"killing {script.name}"),
        )
    terminal.end_progress()
    if arguments.json:
        terminal.json(_json(script, findings))
    else:
        _report(terminal, script, findings, arguments.keep)
    if _interrupted(findings):
        return INTERRUPTED
    return FAILED if findings.violations else DONE


@contextmanager
def _directory(keep: str | None) -> Iterator[Path]:
    if keep is not None:
        path = Path(keep).absolute()
        if path.exists() and any(path.iterdir()):
            raise CommandError(f"{visible(keep)} is not empty", "give --keep a directory of its own")
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="omium-torture-") as name:
        yield Path(name).resolve()


def _report(terminal: Terminal, script: Path, findings: Findings, keep: str | None) -> None:
    terminal.print(terminal.style(f"{script.name}: {_kills(findings)}", "bold"))
    if findings.due < findings.places:
        terminal.print(f"  {findings.places:,} places to kill it at; --limit left some out")
    if findings.missed:
        terminal.print(f"  {plural(findings.missed, 'place')} not reached again: its runs are not all alike")
    for name, count in sorted(findings.effects.items()):
        terminal.print(f"  effect {visible(name)}: acts {plural(count, 'time')} in an uninterrupted run")
    for (name, outcome), count in sorted(findings.settled.items()):
        terminal.print(f"    {visible(name)} was under way at {plural(count, 'kill')}: {outcome}")
    for question in findings.unanswered:
        terminal.print(f"  not what comes after the question {visible(question)!r}; --answer VALUE lets it go on")
    if findings.unsteady:
        terminal.print(f"  not compared, it differs between uninterrupted runs: {_names(findings.unsteady)}")
    if findings.reordered:
        files = ", ".join(map(visible, findings.reordered))
        terminal.print(f"  not compared: the order of the lines of {files}; calls that run at the same time have none")
    compared = plural(findings.compared, "value, status and file", "values, statuses and files")
    if not findings.violations and _interrupted(findings):
        terminal.print("  no violation so far")
        return
    if not findings.violations:
        # No tick for a program that was not tortured to its end.
        mark = " " if findings.unanswered else terminal.style(terminal.glyph("✓", "ok"), "green")
        so_far = " up to there" if findings.unanswered else ""
        terminal.print(f"{mark} 0 violations{so_far}: every time {compared} came out as in an uninterrupted run,")
        terminal.print("  and nothing on record ran again")
        return
    for found in findings.violations:
        _tell(terminal, found, keep)
    terminal.error(plural(len(findings.violations), "violation"))
    hints = dict.fromkeys(found.violation.hint for found in findings.violations)
    for hint in filter(None, hints):
        terminal.hint(hint)
    if keep is None:
        terminal.hint("--keep DIR leaves every trial there, with the store and the files it came to")


def _interrupted(findings: Findings) -> bool:
    return findings.kills + findings.missed < findings.due


def _kills(findings: Findings) -> str:
    kills = plural(findings.kills, "kill")
    if _interrupted(findings):
        return f"{kills} of {findings.due:,}, then it was interrupted"
    if findings.missed:
        return kills
    moments = findings.kills - findings.of_lines
    return f"{kills}: {moments:,} at moments of calls, {findings.of_lines:,} between lines"


def _tell(terminal: Terminal, found: Found, keep: str | None) -> None:
    mark = terminal.style(terminal.glyph("✗", "x"), "red")
    terminal.print(f"{mark} {visible(found.violation.what)}")
    for line in found.violation.lines:
        terminal.print(f"    {terminal.clip(line, terminal.width - 4)}")
    for number, point in found.points[:_SHOWN]:
        where = "" if keep is None else f"  {Path(keep) / f'kill-{number}'}"
        terminal.print(terminal.style(f"    killed {visible(str(point))}{visible(where)}", "dim"))
    more = len(found.points) - _SHOWN
    if more > 0:
        terminal.print(terminal.style(f"    and at {plural(more, 'more place')}", "dim"))


def _names(keys: list[tuple[str, ...]]) -> str:
    from omium.torture._point import loose

    names = list(dict.fromkeys(visible(loose(key[-1])) for key in keys))
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _json(script: Path, findings: Findings) -> dict[str, Any]:
    return {
        "script": str(script),
        "places": findings.places,
        "kills": findings.kills,
        "interrupted": _interrupted(findings),
        "not_reached": findings.missed,
        "compared": findings.compared,
        "not_compared": [list(key) for key in findings.unsteady],
        "order_not_compared": findings.reordered,
        "unanswered": findings.unanswered,
        "effects": dict(findings.effects),
        "settled": [
            {"effect": name, "outcome": outcome, "kills": count} for (name, outcome), count in findings.settled.items()
        ],
        "violations": [
            {
                "what": found.violation.what,
                "lines": list(found.violation.lines),
                "killed": [str(point) for _, point in found.points],
                "hint": found.violation.hint,
            }
            for found in findings.violations
        ],
    }
