"""How statuses and entries look, the same in every verb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium._text import size
from omium.cli._target import name_of
from omium.cli._terminal import Cell, Terminal, age, duration, moment

if TYPE_CHECKING:
    from omium._omium import Entry, Execution, Value

__all__ = ["ENTRY_HEADER", "STYLES", "entry_json", "entry_row", "show_entries", "status_of", "tree"]

STYLES = {
    "completed": "green",
    "running": "cyan",
    "orphaned": "yellow",
    "waiting": "yellow",
    "failed": "red",
    "cancelled": "dim",
}
_ENTRY_STYLES = {"done": "", "failed": "red", "intent": "yellow"}
ENTRY_HEADER = ("SEQ", "NAME", "KIND", "STATUS", "TOOK", "SIZE", "TOKENS", "WHEN")


def status_of(execution: Execution) -> str:
    """The status; `orphaned` when it runs on paper and nobody alive runs it."""
    return "orphaned" if execution.orphaned else execution.status


def tree(value: Value | None) -> Any:
    """The recorded value as a plain tree; None stays None."""
    if value is None:
        return None
    from omium._inspect import plain

    return plain(value.codec, value.read())


def entry_row(entry: Entry, *, seq: str | None = None) -> tuple[Cell, ...]:
    """One line of a log."""
    tokens = sum(entry.usage.get(key, 0) for key in ("input_tokens", "output_tokens"))
    name = f"{entry.scope} › {name_of(entry)}" if entry.scope else name_of(entry)
    status = entry.status if entry.attempts <= 1 else f"{entry.status} ({entry.attempts} tries)"
    return (
        seq if seq is not None else f"@{entry.seq}",
        (name, "bold" if entry.live else "dim"),
        (entry.kind, "dim"),
        (status, _ENTRY_STYLES[entry.status] if entry.live else "dim"),
        duration(entry.duration_ms) if entry.kind != "state" else "",
        size(entry.size_bytes),
        f"{tokens:,}" if tokens else "",
        age(entry.created_ms),
    )


def show_entries(terminal: Terminal, entries: list[Entry], *, indent: str = "") -> None:
    """The log as a table, the error of a failed entry beneath it."""
    terminal.table(
        ENTRY_HEADER,
        [entry_row(entry) for entry in entries],
        right=(0, 4, 5, 6),
        flexible=(1,),
        indent=indent,
    )
    for entry in entries:
        if entry.error:
            text = terminal.clip(f"@{entry.seq} {entry.error}", terminal.width - len(indent))
            terminal.print(indent + terminal.style(text, "red"))


def entry_json(entry: Entry) -> dict[str, Any]:
    """The entry as JSON tells it, without its values."""
    return {
        "execution": entry.execution,
        "seq": entry.seq,
        "parent": entry.parent,
        "live": entry.live,
        "kind": entry.kind,
        "status": entry.status,
        "name": entry.name,
        "scope": entry.scope,
        "key": entry.key,
        "occurrence": entry.occurrence,
        "created": moment(entry.created_ms),
        "duration_ms": entry.duration_ms,
        "attempts": entry.attempts,
        "size_bytes": entry.size_bytes,
        "usage": entry.usage,
        "error": entry.error,
        "values": {name: _facts(value) for name, value in _named(entry)},
    }


def _named(entry: Entry) -> list[tuple[str, Value]]:
    own = [("value", entry.value), ("input", entry.input), ("meta", entry.meta)]
    return [(name, value) for name, value in own if value is not None] + list(entry.values.items())


def _facts(value: Value) -> dict[str, Any]:
    return {"codec": value.codec, "size_bytes": value.size_bytes, "blake3": value.digest.hex()}
