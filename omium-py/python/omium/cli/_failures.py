"""How failures look: what kind, where, and what may help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.cli._target import quoted
from omium.cli._terminal import Terminal, moment, visible

if TYPE_CHECKING:
    from omium._omium import Store
    from omium.recovery import Failure

__all__ = ["failure_json", "show_failure", "show_failures"]


def show_failures(store: Store, id: str, terminal: Terminal, *, as_json: bool) -> None:
    """Every failure of an execution, those that rollbacks left behind too."""
    from omium import recovery

    found = recovery.failures(store.entries(id, all=True))
    if as_json:
        terminal.json([failure_json(each) for each in found])
        return
    if not found:
        terminal.note(f"nothing failed in {quoted(id)}")
    for number, each in enumerate(found):
        if number:
            terminal.print()
        show_failure(each, terminal)
    if found:
        terminal.hint(f"omium why {quoted(id)} shows where it came from")


def show_failure(failure: Failure, terminal: Terminal) -> None:
    """One failure, with its stack."""
    where = f"@{failure.seq} {visible(failure.step or 'the workflow')}"
    kind = terminal.style(failure.type.replace("_", " "), "red" if failure.live else "dim")
    again = f", {failure.attempts} tries" if failure.attempts > 1 else ""
    then = f", then {visible(failure.recovery)}" if failure.recovery else ""
    then += f" without going back: {visible(failure.passed_over)}" if failure.passed_over else ""
    left = "" if failure.live else ", left behind by a rollback"
    terminal.print(f"{terminal.style(where, 'bold')}  {kind}{again}{then}{left}")
    for row in failure.message.splitlines()[:12]:
        terminal.print(f"  {visible(row)}" if failure.condition else f"  {visible(f'{failure.error}: {row}')}")
    for frame in failure.stack:
        terminal.print(f"    {terminal.style(visible(frame), 'dim')}")
    terminal.print(f"  {terminal.style(failure.suggestion, 'dim')}")


def failure_json(failure: Failure) -> dict[str, Any]:
    """The failure as JSON tells it."""
    plain = failure.to_json()
    plain["created"] = moment(plain.pop("created_ms"))
    return plain
