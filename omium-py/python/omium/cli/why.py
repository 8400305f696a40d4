"""`omium why EXEC`: from the failure back to the steps it came from; --confirm tries a suspect out."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from omium.cli._errors import DONE, FAILED, USAGE, CommandError
from omium.cli._failures import failure_json
from omium.cli._status import glance
from omium.cli._target import entry_at, find, name_of, open_store, quoted
from omium.cli._terminal import Terminal, plural, visible
from omium.recovery._changes import told
from omium.recovery._said import said
from omium.view._pretty import one_line

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import Entry, Store
    from omium.codec import Blob
    from omium.recovery._changes import Changed
    from omium.recovery._experiment import Verdict
    from omium.recovery._why import Explanation

__all__ = ["run"]

_TRIES_MAX = 5
_ROWS_MAX = 8
_LINKS_MAX = 8
_CHANGES_MAX = 5
_NAMES_MAX = 6
_MARKS = {"confirmed": ("✓", "ok", "green"), "cleared": ("✗", "x", "red"), "unknown": ("?", "?", "yellow")}


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Explains the newest failure; with --confirm, exit code 1 when no suspect is confirmed."""
    from omium.recovery._why import explain

    store = open_store(arguments)
    execution = find(store, arguments.target)
    if arguments.value is not None and arguments.suspect is None:
        raise CommandError("--value needs --suspect", "say which entry it stands for: --suspect SEQ", USAGE)
    if arguments.suspect is not None:
        entry_at(store, execution, arguments.suspect)
    explanation = explain(store, execution)
    verdicts: list[Verdict] = []
    if arguments.confirm or arguments.suspect is not None:
        verdicts = _confirm(store, explanation, arguments)
    confirmed = any(each.outcome == "confirmed" for each in verdicts)
    if arguments.json:
        terminal.json(_json(explanation, verdicts))
    else:
        _show(store, explanation, verdicts, terminal)
    return FAILED if verdicts and not confirmed else DONE


def _confirm(store: Store, explanation: Explanation, arguments: Namespace) -> list[Verdict]:
    from omium.cli import _experiment
    from omium.recovery._experiment import experiment

    _experiment.check(store.execution(explanation.entry.execution), arguments.code)
    run = partial(_experiment.run, code=arguments.code)
    verdicts: list[Verdict] = []
    for seq, value in _tries(explanation, arguments):
        verdicts.append(experiment(store, explanation, seq, value, run, live=arguments.live))
        if verdicts[-1].outcome == "confirmed":
            break
    return verdicts


def _tries(explanation: Explanation, arguments: Namespace) -> list[tuple[int, Blob]]:
    """Which outputs to replace, and by what."""
    from omium import codec

    if arguments.suspect == explanation.entry.seq:
        raise CommandError(
            f"@{arguments.suspect} is the failure itself", "name an entry it came from: --suspect SEQ", USAGE
        )

    if arguments.value is not None:
        try:
            given = json.loads(arguments.value)
        except ValueError as error:
            raise CommandError(
                f"--value is no JSON: {error}", "a text needs quotes: --value '\"good\"'", USAGE
            ) from None
        return [(arguments.suspect, codec.dumps(given))]
    seqs = explanation.suspects if arguments.suspect is None else (arguments.suspect,)
    tries = []
    for seq in seqs:
        good = explanation.counterpart(seq)
        if good is not None and good.value is not None and seq != explanation.entry.seq:
            tries.append((seq, (good.value.codec, good.value.read())))
    if not tries:
        raise CommandError(
            "there is no good output to try: no completed execution of this workflow has another one there",
            "give one: --suspect SEQ --value JSON",
        )
    return tries[:_TRIES_MAX]


def _show(store: Store, explanation: Explanation, verdicts: list[Verdict], terminal: Terminal) -> None:
    _show_failure(explanation, terminal)
    suspect = explanation.suspects[0] if explanation.suspects else None
    _show_chain(explanation, suspect, terminal)
    _show_changes(explanation, terminal)
    for verdict in verdicts:
        glyph, plain, style = _MARKS[verdict.outcome]
        mark = terminal.style(terminal.glyph(glyph, plain), style)
        entry = store.entry(explanation.entry.execution, verdict.seq)
        terminal.print(f"{mark} {_called(entry)} {verdict.outcome}: {visible(verdict.why)}")
    if not verdicts and suspect is not None:
        _show_suspect(store, explanation, suspect, terminal)
    elif not verdicts:
        terminal.hint(explanation.failure.suggestion)


def _show_failure(explanation: Explanation, terminal: Terminal) -> None:
    failure, entry = explanation.failure, explanation.entry
    where = f"@{entry.seq} {visible(failure.step or 'the workflow')}"
    terminal.print(f"{terminal.style(where, 'bold')}  {terminal.style(failure.type.replace('_', ' '), 'red')}")
    message = failure.message if failure.condition else f"{failure.error}: {failure.message}"
    for row in message.splitlines()[:_ROWS_MAX]:
        terminal.print(f"  {terminal.clip(row, 3 * terminal.width)}")
    if failure.stack and failure.condition is None:
        terminal.print(f"  {terminal.style('at ' + visible(failure.stack[-1]), 'dim')}")


def _show_chain(explanation: Explanation, suspect: int | None, terminal: Terminal) -> None:
    """The way from the failure to the suspect; without one of its own the nearest of what it was made of."""
    way = explanation.way_to(suspect) if suspect is not None else ()
    if len(way) < _LINKS_MAX:
        near = [link for link in explanation.chain if link not in way and link.into == explanation.entry.seq]
        way += tuple(near[: _LINKS_MAX - len(way)])
    shown = sorted(way, key=lambda link: -link.entry.seq)
    for link in shown:
        place = f" as {visible(link.source.path)}" if link.source.path else ""
        how = {"whole": "", "part": "in part ", "quoted": "quoted "}[link.source.how]
        head = f"  {terminal.glyph('←', '<-')} @{link.entry.seq} {visible(name_of(link.entry))} = "
        went = f"  went {how}into @{link.into}{place}"
        room = max(terminal.width - len(head) - len(went), 20)
        value = one_line(said(link.entry), room)
        terminal.print(f"{head}{value}{terminal.style(went, 'dim')}")
    more = len(explanation.chain) - len(shown)
    if more > 0:
        terminal.print(terminal.style(f"    and {plural(more, 'other entry', 'other entries')} behind them", "dim"))


def _show_changes(explanation: Explanation, terminal: Terminal) -> None:
    if explanation.good is None:
        terminal.print("no completed execution of this workflow to compare with")
        return
    good = quoted(explanation.good.id)
    if not explanation.changes and not explanation.facts:
        terminal.print(f"nothing before it differs from the last good run, {good}")
        return
    terminal.print(f"since the last good run, {good}:")
    for fact in explanation.facts:
        terminal.print(f"  {visible(fact)}")
    first = [each for each in explanation.changes if each.first]
    for change in first[:_CHANGES_MAX]:
        terminal.print(f"  {_called(change.entry)}: {_what(change)}")
        for row in change.lines[:_ROWS_MAX]:
            terminal.print(f"      {visible(row)}")
    if len(first) > _CHANGES_MAX:
        terminal.print(f"  and {plural(len(first) - _CHANGES_MAX, 'other change')}")
    after = [f"@{each.entry.seq} {visible(each.entry.name)}" for each in explanation.changes if not each.first]
    if after:
        names = ", ".join(after[:_NAMES_MAX]) + (", …" if len(after) > _NAMES_MAX else "")
        terminal.print(terminal.style(f"  what came of it: {names}", "dim"))
    terminal.note(f"all of both: omium diff {good} {quoted(explanation.entry.execution)}")


def _what(change: Changed) -> str:
    own = f"its code changed ({visible(told(change.code))})" if change.code else ""
    came = {"output": "gave another output for the same input", "input": "was given something else", "code": ""}
    return ", and it ".join(part for part in (own, came[change.what]) if part)


def _called(entry: Entry) -> str:
    """The entry with what tells it from others of its name."""
    given = glance(entry)
    return f"@{entry.seq} {visible(name_of(entry))}" + (f"({given})" if given else "")


def _show_suspect(store: Store, explanation: Explanation, seq: int, terminal: Terminal) -> None:
    id = quoted(explanation.entry.execution)
    terminal.print(f"suspect: {_called(store.entry(explanation.entry.execution, seq))}")
    if seq == explanation.entry.seq:
        return
    good = explanation.counterpart(seq)
    if good is not None and good.value is not None:
        known = store.execution(explanation.entry.execution)
        code = "" if known.source is not None else " --code 'agent.py ARGUMENTS'"
        if known.workflow == "langgraph":
            code = " --code agent.py:graph"
        terminal.hint(f"omium why {id} --confirm{code} tries it with the output of the good run; no effect runs")
    else:
        terminal.hint(f"omium why {id} --suspect {seq} --value JSON tries it with another output")


def _json(explanation: Explanation, verdicts: list[Verdict]) -> dict[str, Any]:
    return {
        "execution": explanation.entry.execution,
        "failure": failure_json(explanation.failure),
        "chain": [
            {**_place(link.entry), "into": link.into, "how": link.source.how, "path": link.source.path}
            for link in explanation.chain
        ],
        "last_good": None if explanation.good is None else explanation.good.id,
        "facts": list(explanation.facts),
        "changes": [
            {
                **_place(each.entry),
                "what": each.what,
                "code": list(each.code),
                "first": each.first,
                "good": each.good.seq,
                "lines": list(each.lines),
            }
            for each in explanation.changes
        ],
        "suspects": list(explanation.suspects),
        "verdicts": [each._asdict() for each in verdicts],
    }


def _place(entry: Entry) -> dict[str, Any]:
    return {"seq": entry.seq, "name": entry.name, "kind": entry.kind}
