"""`omium rollback EXEC --to 3`: shows what falls and what is undone, then acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.cli._errors import DONE, REFUSED, USAGE, CommandError, tell_stack
from omium.cli._lines import lines
from omium.cli._status import entry_json, show_lines
from omium.cli._target import head_or, open_store, quoted, runs_on, split
from omium.cli._terminal import Terminal, plural, visible

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import Store
    from omium.effects._undo import RollbackPlan

__all__ = ["run"]

_FORKS = 5
"""So many are named."""


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Plans, shows the plan, and unless --plan acts on it."""
    from omium.effects import _undo

    store = open_store(arguments, write=not arguments.plan)
    if arguments.to is None and split(arguments.target)[1] is None:
        raise CommandError("roll back to which entry? give --to SEQ", f"omium log {quoted(arguments.target)}", USAGE)
    execution, to = head_or(store, arguments.target, arguments.to)
    id = execution.id
    plan = _undo.plan(store, id, to, abandon=arguments.abandon_effects)
    if not arguments.json:
        _show(plan, terminal)
    if not arguments.plan:
        _load(store, plan, terminal, aside=arguments.json)
        _undo.rollback(store, id, to, abandon=arguments.abandon_effects)
    if arguments.json:
        terminal.json(_json(plan, done=not arguments.plan))
    elif arguments.plan:
        terminal.note("nothing was changed: this was the plan")
    elif execution.status == "cancelled" and plan.head == to:
        terminal.note(f"{quoted(id)} is not cancelled any more")
    elif plan.head != to:
        undone = f"{plural(len(plan.undone), 'effect')} undone, " if plan.undone else ""
        terminal.note(f"{undone}the head of {quoted(id)} is @{to} now; nothing was erased")
        terminal.hint(f"{runs_on(execution)} runs on from there; omium log --graph shows both pasts")
    return DONE


def _load(store: Store, plan: RollbackPlan, terminal: Terminal, *, aside: bool) -> None:
    """Loads the code of what is to be undone, where this process does not know it."""
    import omium
    from omium.cli._code import load, printing_aside
    from omium.runtime._registry import find_effect

    omium.init(store=store.path)
    command = f"omium rollback {quoted(plan.execution)} --to {plan.to} --abandon-effects"
    hint = f"or leave what was done standing: {command}"
    for planned in plan.undone:
        effect = planned.effect
        source = effect.note.source
        if find_effect(effect.name, source) is not None:
            continue
        refused = f"{visible(effect.name)}@{effect.seq} cannot be undone: "
        if source is None:
            itself = "let the program itself roll it back, as Execution::rollback_with does in Rust"
            raise CommandError(refused + "the record does not say where its code is", f"{itself}, {hint}", REFUSED)
        try:
            with printing_aside(aside):
                load(source)
        except CommandError as error:
            raise CommandError(refused + str(error), f"{error.hint}, {hint}", REFUSED) from error
        except (ImportError, SyntaxError, OSError) as error:
            raise CommandError(refused + str(error), hint, REFUSED) from error
        except Exception as error:
            tell_stack(error, terminal)
            raise CommandError(f"{refused}its code raised {type(error).__name__}: {error}", hint, REFUSED) from error


def _show(plan: RollbackPlan, terminal: Terminal) -> None:
    from omium.cli._effects import show_planned

    if not plan.falls:
        id = quoted(plan.execution)
        if plan.head == plan.to:
            terminal.note(f"the head of {id} is @{plan.to} already: nothing falls")
        else:
            terminal.note(f"{id} goes from @{plan.head} on to @{plan.to}, left behind by a rollback: nothing falls")
        return
    falls = plural(len(plan.falls), "entry falls", "entries fall")
    terminal.print(f"{quoted(plan.execution)} goes back from @{plan.head} to @{plan.to}; {falls}, newest first:")
    terminal.print()
    show_lines(terminal, lines(reversed(plan.falls))[::-1], indent="  ")
    show_planned(plan.effects, terminal)
    terminal.flush()
    if plan.forks:
        named = ", ".join(quoted(fork) for fork in plan.forks[:_FORKS]) + ("" if len(plan.forks) <= _FORKS else ", …")
        terminal.note(f"on record as done in {plural(len(plan.forks), 'fork', 'forks')} made before: {named}")


def _json(plan: RollbackPlan, *, done: bool) -> dict[str, Any]:
    from omium.cli._effects import effect_json

    return {
        "execution": plan.execution,
        "from": plan.head,
        "to": plan.to,
        "done": done,
        "falls": [entry_json(entry) for entry in plan.falls],
        "forks": [*plan.forks],
        "effects": [{**effect_json(each.effect), "action": each.action, "why": each.why} for each in plan.effects],
    }
