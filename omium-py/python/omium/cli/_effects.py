"""How effects look: what was done outside, and how it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.cli._status import tree
from omium.cli._target import quoted
from omium.cli._terminal import Cell, Terminal, moment
from omium.view._pretty import one_line
from omium.view._text import clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omium._omium import Entry, Execution, Store
    from omium.effects._ledger import EffectRecord
    from omium.effects._undo import Planned

__all__ = ["arguments_of", "effect_json", "show_effects", "show_planned", "show_unfinished"]

_STYLES = {
    "done": "green",
    "in doubt": "yellow",
    "failed": "red",
    "did not happen": "dim",
    "undone": "dim",
    "undo failed": "red",
    "being undone": "yellow",
    "left standing": "yellow",
    "copied": "dim",
}
_GLANCE = 40


def show_effects(store: Store, id: str, terminal: Terminal, *, as_json: bool) -> None:
    """Every effect of an execution, those that rollbacks left behind too."""
    from omium.effects import _ledger

    records = _ledger.read(store.entries(id, all=True))
    if as_json:
        terminal.json([effect_json(record) for record in records])
        return
    if not records:
        terminal.note(f"{quoted(id)} has done nothing outside that is on record")
        return
    header = ("SEQ", "EFFECT", "ARGUMENTS", "STATE", "RECEIPT", "IDEMPOTENCY KEY")
    terminal.table(header, [_row(record) for record in records], right=(0,), flexible=(1, 2, 4))
    for record in records:
        if record.error:
            text = terminal.clip(f"@{record.seq} {record.error}", terminal.width)
            terminal.print(terminal.style(text, "red"))
    show_unfinished(store, store.execution(id), terminal)
    if any(record.state == "in doubt" and record.live for record in records):
        terminal.hint(f"omium answer {quoted(id)} tells what is to be settled")


def show_unfinished(store: Store, execution: Execution, terminal: Terminal) -> bool:
    """Tells of a rollback that stopped in the middle, and what finishes it; whether there is one."""
    from omium.effects._undo import unfinished

    begun = None if execution.owner else unfinished(store, execution.id)
    if begun is None:
        return False
    to, abandon = begun
    options = f"--to {to}" + (" --abandon-effects" if abandon else "")
    terminal.note(f"a rollback to @{to} was interrupted: nothing runs on before it is finished")
    terminal.hint(f"omium rollback {quoted(execution.id)} {options}")
    return True


def show_planned(planned: Sequence[Planned], terminal: Terminal) -> None:
    """What a rollback does about effects: first what it undoes, then what stays."""
    undone = [each for each in planned if each.action in ("undo", "probe")]
    stays = [each for each in planned if each.action not in ("undo", "probe")]
    for title, each_of in (("undone, in this order:", undone), ("not undone:", stays)):
        if each_of:
            terminal.print()
            terminal.print(title)
            rows = [(*_brief(each.effect), (each.why, "dim")) for each in each_of]
            terminal.table(("SEQ", "EFFECT", "ARGUMENTS", ""), rows, right=(0,), flexible=(1, 2, 3), indent="  ")


def effect_json(record: EffectRecord) -> dict[str, Any]:
    """The effect as JSON tells it."""
    from omium.view._inspect import to_json

    outcome = record.outcome
    receipt = None if outcome is None or outcome.status != "done" else to_json(tree(outcome.value))
    return {
        "seq": record.seq,
        "intent": record.intent.seq,
        "name": record.name,
        "scope": record.scope,
        "state": record.state,
        "live": record.live,
        "of": record.note.execution,
        "idempotency_key": record.idempotency_key,
        "arguments": to_json(tree(record.intent.input)),
        "receipt": receipt,
        "undo": record.note.undo,
        "probe": record.note.probe,
        "undone_by": record.undo.seq if record.undo is not None else None,
        "error": record.error,
        "created": moment(record.intent.created_ms),
    }


def _brief(record: EffectRecord) -> tuple[Cell, ...]:
    return f"@{record.seq}", (record.name, "bold"), (arguments_of(record.intent), "dim")


def _row(record: EffectRecord) -> tuple[Cell, ...]:
    outcome = record.outcome
    receipt = "" if outcome is None or outcome.status != "done" else one_line(tree(outcome.value), _GLANCE)
    state = record.state if record.own else f"of {record.note.execution}"
    if not record.own and record.state != "copied":
        state = f"{record.state}, {state}"
    return (*_brief(record), (state, _STYLES[record.state]), receipt, (record.idempotency_key[:12], "dim"))


def arguments_of(intent: Entry) -> str:
    """What it was called with, in one line."""
    content = tree(intent.input)
    if not isinstance(content, dict):
        return ""
    return clip(", ".join(one_line(value, _GLANCE) for value in content.values()), _GLANCE)
