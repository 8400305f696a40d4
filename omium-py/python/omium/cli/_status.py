"""How statuses and entries look, the same in every verb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.cli._lines import Line, said, states
from omium.cli._target import name_of
from omium.cli._terminal import Cell, Terminal, age, duration, moment, visible
from omium.view._pretty import lines, one_line
from omium.view._text import clip, size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omium._omium import Entry, Value

__all__ = [
    "ENTRY_HEADER",
    "STANDS_STILL",
    "STYLES",
    "channels",
    "content_of",
    "entry_json",
    "entry_row",
    "glance",
    "is_call",
    "show_lines",
    "show_table",
    "show_value",
    "tree",
    "triggered",
    "value_json",
    "with_values",
]

STYLES = {
    "completed": "green",
    "running": "cyan",
    "ready": "cyan",
    "orphaned": "yellow",
    "waiting": "yellow",
    "failed": "red",
    "cancelled": "dim",
}
STANDS_STILL = ("ready", "orphaned")
"""The statuses of what would run on, if somebody ran it."""
_ENTRY_STYLES = {"done": "", "failed": "red", "intent": "yellow"}
_CALLS = ("step", "effect", "llm", "tool", "state", "signal")
_TRIGGER = "branch:to:"
_GLANCE = 32
# Reading a big input back only to show its first words would make a log slow.
_GLANCE_BYTES = 4096
ENTRY_HEADER = ("SEQ", "NAME", "INPUT", "KIND", "STATUS", "TOOK", "SIZE", "TOKENS", "WHEN")


def tree(value: Value | None) -> Any:
    """The recorded value as a plain tree; None stays None."""
    if value is None:
        return None
    from omium.view._inspect import plain

    return plain(value.codec, value.read())


def is_call(entry: Entry) -> bool:
    """Whether it says what the code called, and what came of it."""
    return entry.kind in _CALLS and entry.status != "intent"


def channels(values: Mapping[str, Value]) -> dict[str, Value]:
    """The named values without LangGraph's own triggers: those carry nothing, and the log says which nodes ran."""
    return {name: value for name, value in values.items() if not name.startswith(_TRIGGER)}


def triggered(values: Mapping[str, Value]) -> list[str]:
    """The nodes that LangGraph's triggers name: those it goes on with."""
    return [name.removeprefix(_TRIGGER) for name in values if name.startswith(_TRIGGER)]


def entry_row(line: Line) -> tuple[Cell, ...]:
    """One line of a log."""
    entry = line.entry
    tokens = sum(entry.usage.get(key, 0) for key in ("input_tokens", "output_tokens"))
    told = said(entry)
    given = next((shown for each in (*line.before, entry) if (shown := glance(each))), "")
    return (
        f"@{entry.seq}",
        (name_of(entry), "bold" if entry.live else "dim") if told is None else (told, "dim"),
        (given, "dim"),
        (entry.kind, "dim"),
        (states(line), _ENTRY_STYLES[entry.status] if entry.live else "dim"),
        # As wide as usual, so that the columns before it are the same from one run to the next.
        f"{duration(entry.duration_ms):>6}" if entry.kind != "state" and told is None else "",
        size(entry.size_bytes),
        f"{tokens:,}" if tokens else "",
        f"{age(entry.created_ms):<8}",
    )


def glance(entry: Entry) -> str:
    """What went in, at a glance: it tells one call of a step from another."""
    if entry.input is None or entry.input.size_bytes > _GLANCE_BYTES:
        return ""
    content = tree(entry.input)
    if isinstance(content, dict):
        # Recorded inputs stand in an order of their own, so more than one needs its name.
        alone = len(content) == 1
        shown = (
            one_line(value, _GLANCE) if alone else f"{name}={one_line(value, _GLANCE)}"
            for name, value in content.items()
        )
        return clip(", ".join(shown), _GLANCE)
    return one_line(content, _GLANCE)


def show_lines(terminal: Terminal, shown: Sequence[Line], *, indent: str = "") -> None:
    """The log as a table, the error of a failed entry beneath it."""
    show_table(terminal, [entry_row(line) for line in shown], indent=indent)
    for entry, _ in shown:
        if entry.error:
            text = terminal.clip(f"@{entry.seq} {entry.error}", terminal.width - len(indent))
            terminal.print(indent + terminal.style(text, "red"))


def show_table(
    terminal: Terminal,
    rows: list[tuple[Cell, ...]],
    *,
    lead: tuple[str, ...] = (),
    tail: tuple[str, ...] = (),
    indent: str = "",
) -> None:
    """Rows of entries, with more columns before or after them."""
    first = len(lead)
    terminal.table(
        (*lead, *ENTRY_HEADER, *tail),
        rows,
        right=tuple(first + column for column in (0, 5, 6, 7)),
        flexible=(first + 1, *(first + len(ENTRY_HEADER) + n for n in range(len(tail)))),
        yields=first + 2,
        indent=indent,
    )


def content_of(entry: Entry) -> Value | dict[str, Value] | None:
    """What an entry holds: its named values where it has such, else its one value."""
    # The value of a host's state is its own bookkeeping, not what was computed.
    host = entry.kind == "state" and entry.value is not None and "/" in entry.value.codec
    return entry.values if entry.values or host else entry.value


def show_value(terminal: Terminal, content: Any, lead: str = "") -> None:
    """The whole value; a text that stands alone as the text itself, so that it can go into a file."""
    if isinstance(content, str) and not lead:
        for row in content.split("\n"):
            terminal.print(visible(row) if terminal.out.isatty() else row)
        return
    for row in lines(content, terminal.width, lead=lead):
        terminal.print(row)


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


def with_values(entry: Entry) -> dict[str, Any]:
    """The same with what its values are, as people read them."""
    return {**entry_json(entry), "values": {name: value_json(value) for name, value in _named(entry)}}


def value_json(value: Value) -> dict[str, Any]:
    """A value: what the store knows of it, and what it is."""
    from omium.view._inspect import to_json

    return {**_facts(value), "json": to_json(tree(value))}


def _named(entry: Entry) -> list[tuple[str, Value]]:
    own = [("value", entry.value), ("input", entry.input), ("meta", entry.meta)]
    return [(name, value) for name, value in own if value is not None] + list(entry.values.items())


def _facts(value: Value) -> dict[str, Any]:
    return {"codec": value.codec, "size_bytes": value.size_bytes, "blake3": value.digest.hex()}
