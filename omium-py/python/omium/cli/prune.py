"""`omium prune`: drops old history by a policy; the plan is shown before anything goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium.cli._errors import DONE, USAGE, CommandError
from omium.cli._target import find, open_store
from omium.cli._terminal import Terminal, plural

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import PrunePlan, Store

__all__ = ["run"]

_SHOWN = 20


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Plans, shows, and unless --dry-run removes exactly what the plan names."""
    if arguments.keep_last is None and arguments.older_than is None and not arguments.abandoned:
        raise CommandError(
            "prune by which policy?", "--keep-last N, --older-than 30d, --abandoned, or several of them", USAGE
        )
    store = open_store(arguments, write=not arguments.dry_run)
    if arguments.target is not None:
        find(store, arguments.target)
    plan = store.plan_prune(
        keep_last=arguments.keep_last,
        older_than_ms=arguments.older_than,
        abandoned=arguments.abandoned,
        execution=arguments.target,
    )
    if not arguments.json:
        _show(store, plan, terminal)
    removed = 0 if arguments.dry_run else store.prune(plan, terminal.progress("removing"))
    terminal.end_progress()
    if arguments.json:
        terminal.json(
            {
                "executions": plan.executions,
                "entries": [{"execution": id, "seqs": seqs} for id, seqs in plan.entries],
                "entry_count": plan.entry_count,
                "removed": removed,
                "done": not arguments.dry_run,
            }
        )
    elif arguments.dry_run:
        terminal.note("nothing was changed: this was the plan")
    elif plan.entry_count or plan.executions:
        terminal.note(f"removed {plural(removed, 'entry', 'entries')}")
        terminal.hint("omium gc gives the space back to the disk")
    return DONE


def _show(store: Store, plan: PrunePlan, terminal: Terminal) -> None:
    if not plan.entry_count and not plan.executions:
        terminal.note("nothing to prune: everything in the store is within the policy")
        return
    whole = plan.executions[:_SHOWN]
    rows = [(id, "goes as a whole", f"{store.execution(id).last_seq:,}") for id in whole]
    parts = plan.entries[: _SHOWN - len(rows)]
    rows += [(id, f"loses {_ranges(seqs)}", f"{len(seqs):,}") for id, seqs in parts]
    terminal.table(("EXECUTION", "WHAT GOES", "ENTRIES"), rows, right=(2,), flexible=(0, 1))
    more = len(plan.executions) + len(plan.entries) - len(rows)
    if more:
        terminal.print(terminal.style(f"and {plural(more, 'more execution')}", "dim"))
    terminal.print(f"in all {plural(plan.entry_count, 'entry', 'entries')}")
    terminal.flush()


def _ranges(seqs: list[int]) -> str:
    """`@1 to @4, @7`: runs of consecutive numbers folded, and few of them."""
    runs: list[tuple[int, int]] = []
    for seq in sorted(seqs):
        if runs and seq == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], seq)
        else:
            runs.append((seq, seq))
    shown = [f"@{a}" if a == b else f"@{a} to @{b}" for a, b in runs[:4]]
    return ", ".join(shown) + (" and others" if len(runs) > 4 else "")
