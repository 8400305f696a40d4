"""`omium show EXEC`: everything about one execution; `omium show EXEC@3`: about one entry."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from omium.cli._effects import show_effects, show_unfinished
from omium.cli._errors import DONE, USAGE, CommandError
from omium.cli._lines import lines
from omium.cli._listing import summary
from omium.cli._status import (
    STANDS_STILL,
    STYLES,
    content_of,
    entry_json,
    show_lines,
    tree,
    triggered,
    value_json,
    with_values,
)
from omium.cli._target import entry_at, exists, find, limit_of, name_of, open_store, quoted, runs_on, split
from omium.cli._terminal import Terminal, age, duration, moment, plural, visible
from omium.cli._waiting import tell_what_it_waits_for
from omium.runtime._budget import spent
from omium.view import _pretty
from omium.view._text import size

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from omium._omium import Entry, Execution, Store, Value
    from omium.recovery.detectors import Stall

__all__ = ["run"]

_ROWS = 12

_LABEL = 10


def _stalled(execution: Execution, entries: list[Entry]) -> Stall | None:
    """Whether an execution that somebody runs has been silent for longer than is usual for it."""
    if execution.status != "running":
        return None
    from omium.recovery.detectors import stall

    return stall([entry.created_ms for entry in entries], time.time_ns() // 1_000_000)


def _tell_stall(stalled: Stall | None, terminal: Terminal) -> None:
    if stalled is not None:
        terminal.note(
            f"nothing was recorded for {duration(stalled.silent_ms)}; until then an entry came every "
            f"{duration(stalled.usual_ms)} at the most: it may be stuck"
        )


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Shows an execution with its last entries, or one entry with its values."""
    if arguments.values and not arguments.json:
        raise CommandError("--values are told with --json", "omium cat EXEC@SEQ prints one", USAGE)
    store = open_store(arguments)
    id, seq = split(arguments.target)
    if seq is not None and not exists(store, arguments.target):
        entry = entry_at(store, find(store, id), seq)
        if arguments.json:
            terminal.json(with_values(entry) if arguments.values else entry_json(entry))
        else:
            _show_entry(entry, terminal)
        return DONE
    execution = find(store, arguments.target)
    if arguments.effects:
        show_effects(store, execution.id, terminal, as_json=arguments.json)
        return DONE
    if arguments.failures:
        from omium.cli._failures import show_failures

        show_failures(store, execution.id, terminal, as_json=arguments.json)
        return DONE
    every = store.entries(execution.id, all=True)
    forks = [other for other in store.executions() if _is_fork(other, execution)]
    if arguments.json:
        terminal.json(_json(execution, every, forks, arguments))
    else:
        _show(store, execution, every, forks, arguments, terminal)
    return DONE


def _json(execution: Execution, every: list[Entry], forks: list[Execution], arguments: Namespace) -> dict[str, Any]:
    entries = [entry for entry in every if entry.live]
    stalled = _stalled(execution, entries)
    answer = summary(execution)
    answer["stalled_ms"] = stalled.silent_ms if stalled else None
    answer["usage"] = _usage(every)
    answer["forks"] = [other.id for other in forks]
    if arguments.values:
        values = (("input", execution.input), ("result", execution.result))
        answer |= {name: None if value is None else value_json(value) for name, value in values}
    told = with_values if arguments.values else entry_json
    answer["entries"] = [told(entry) for entry in entries[-limit_of(arguments, _ROWS) :]]
    return answer


def _show(
    store: Store,
    execution: Execution,
    every: list[Entry],
    forks: list[Execution],
    arguments: Namespace,
    terminal: Terminal,
) -> None:
    entries = [entry for entry in every if entry.live]
    stalled = _stalled(execution, entries)
    status = execution.status
    title = terminal.clip(execution.id, terminal.width - 16)
    terminal.print(f"{terminal.style(title, 'bold')}  {terminal.style(status, STYLES[status])}")
    terminal.print()
    for label, text in _facts(execution, entries, every, forks, terminal):
        terminal.print(f"  {terminal.style(label.ljust(_LABEL), 'dim')}{text}")
    whole = lines(entries)
    last = whole[-limit_of(arguments, _ROWS) :]
    if last:
        terminal.print()
        show_lines(terminal, last, indent="  ")
    if len(last) < len(whole):
        terminal.note(f"{plural(len(whole) - len(last), 'earlier line')}: omium log {quoted(execution.id)}")
    if status == "waiting":
        tell_what_it_waits_for(store, execution, terminal)
    _tell_stall(stalled, terminal)
    if not show_unfinished(store, execution, terminal) and status in STANDS_STILL:
        died = "whoever ran it died; " if status == "orphaned" else ""
        terminal.hint(f"{died}{runs_on(execution)} goes on from here")


def _is_fork(other: Execution, execution: Execution) -> bool:
    return other.forked_from is not None and other.forked_from[0] == execution.id


def _facts(
    execution: Execution, entries: list[Entry], every: list[Entry], forks: list[Execution], terminal: Terminal
) -> Iterator[tuple[str, str]]:
    room = terminal.width - _LABEL - 2
    yield "workflow", terminal.clip(execution.workflow, room)
    yield "created", f"{age(execution.created_ms)}  {moment(execution.created_ms)}"
    yield "updated", age(execution.updated_ms)
    bytes_live = size(sum(entry.size_bytes for entry in entries))
    left = len(every) - len(entries)
    beside = f", {left} left behind by rollbacks" if left > 0 else ""
    yield "head", f"@{execution.head}  {plural(len(entries), 'entry', 'entries')}, {bytes_live}{beside}"
    if (standing := _next_nodes(entries)) and execution.status in ("running", *STANDS_STILL):
        yield "next", terminal.clip(standing, room)
    if used := spent(_usage(every)):
        yield "used", used
    if execution.owner:
        yield "run by", terminal.clip(execution.owner, room)
    if execution.source:
        yield "source", terminal.clip(execution.source, room)
    if execution.forked_from:
        id, seq = execution.forked_from
        yield "fork of", f"{terminal.clip(id, room - 8)}@{seq}"
    for fork in forks[:5]:
        seq = fork.forked_from[1] if fork.forked_from else 0
        yield "fork", f"{terminal.clip(fork.id, room - 12)}  from @{seq}"
    if len(forks) > 5:
        yield "", f"and {plural(len(forks) - 5, 'more fork')}"
    for label, value in (("input", execution.input), ("result", execution.result)):
        if value is not None:
            yield label, _glance(value, room)
    if execution.error:
        label, colour = ("waits", "yellow") if execution.status == "waiting" else ("error", "red")
        yield label, terminal.style(terminal.clip(execution.error, room), colour)


def _next_nodes(entries: list[Entry]) -> str:
    """The nodes a LangGraph thread goes on with; whether it was killed or stopped there is not on record."""
    last = next((each for each in reversed(entries) if each.kind == "state" and not each.scope), None)
    return "" if last is None else ", ".join(triggered(last.values))


def _usage(entries: list[Entry]) -> dict[str, int]:
    """Counters summed over the whole log: what rollbacks left behind was paid for, too."""
    totals: Counter[str] = Counter()
    for entry in entries:
        totals.update(entry.usage)
    return dict(sorted(totals.items()))


def _glance(value: Value, width: int) -> str:
    return _pretty.one_line(tree(value), width)


def _show_entry(entry: Entry, terminal: Terminal) -> None:
    room = terminal.width - _LABEL - 2
    id = terminal.clip(entry.execution, terminal.width - 12)
    terminal.print(terminal.style(f"{id}@{entry.seq}", "bold") + ("" if entry.live else "  left behind by a rollback"))
    terminal.print()
    facts = [
        ("name", terminal.clip(name_of(entry), room)),
        ("kind", f"{entry.kind}, {entry.status}"),
        ("scope", terminal.clip(entry.scope, room)),
        ("key", terminal.clip(entry.key, room)),
        ("after", f"@{entry.parent}" if entry.parent else "the beginning"),
        ("created", f"{age(entry.created_ms)}  {moment(entry.created_ms)}"),
        ("took", "" if entry.kind == "state" else duration(entry.duration_ms)),
        ("tries", str(entry.attempts) if entry.attempts > 1 else ""),
        ("size", size(entry.size_bytes)),
        ("usage", ", ".join(f"{name} {count:,}" for name, count in entry.usage.items())),
        ("error", terminal.clip(entry.error or "", room)),
    ]
    for label, text in facts:
        if text:
            terminal.print(f"  {terminal.style(label.ljust(_LABEL), 'dim')}{text}")
    content = content_of(entry)
    values = [("input", entry.input)] if entry.input else []
    values += content.items() if isinstance(content, dict) else [("value", content)] if content else []
    if values:
        terminal.print()
    for name, value in values:
        lead = f"  {visible(name)} = "
        terminal.print(lead + _pretty.one_line(tree(value), max(terminal.width - len(lead), 20)))
