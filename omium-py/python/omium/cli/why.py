"""`omium why EXEC`: from the failure back to the steps it came from; --confirm tries a suspect out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from omium._pretty import one_line
from omium.cli._errors import DONE, FAILED, USAGE, CommandError
from omium.cli._failures import failure_json
from omium.cli._status import tree
from omium.cli._target import find, name_of, open_store, quoted
from omium.cli._terminal import Terminal, visible

if TYPE_CHECKING:
    from argparse import Namespace

    from omium._omium import Entry, Store
    from omium.codec import Blob
    from omium.recovery._experiment import Verdict
    from omium.recovery._why import Explanation

__all__ = ["run"]

_TRIES_MAX = 5
_ROWS_MAX = 8
_MARKS = {"confirmed": ("✓", "ok", "green"), "cleared": ("✗", "x", "red"), "unknown": ("?", "?", "yellow")}


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Explains the newest failure; with --confirm, exit code 1 when no suspect is confirmed."""
    from omium.recovery._why import explain

    store = open_store(arguments)
    execution = find(store, arguments.target)
    if arguments.value is not None and arguments.suspect is None:
        raise CommandError("--value needs --suspect", "say which entry it stands for: --suspect SEQ", USAGE)
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
    from omium.cli.resume import code_of
    from omium.recovery._experiment import experiment

    id = explanation.entry.execution
    execution = store.execution(id)
    code_of(id, execution.workflow, execution.source)
    verdicts: list[Verdict] = []
    for seq, value in _tries(explanation, arguments):
        verdicts.append(experiment(store, explanation, seq, value, _resumed, live=arguments.live))
        if verdicts[-1].outcome == "confirmed":
            break
    return verdicts


def _tries(explanation: Explanation, arguments: Namespace) -> list[tuple[int, Blob]]:
    """Which outputs to replace, and by what."""
    from omium import codec

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
        if good is not None and good.value is not None:
            tries.append((seq, (good.value.codec, good.value.read())))
    if not tries:
        raise CommandError(
            "there is no good output to try: no completed execution of this workflow has another one there",
            "give one: --suspect SEQ --value JSON",
        )
    return tries[:_TRIES_MAX]


def _resumed(path: str, id: str) -> None:
    import omium

    omium.init(store=path, detect=None)
    omium.get(id).resume()


def _show(store: Store, explanation: Explanation, verdicts: list[Verdict], terminal: Terminal) -> None:
    failure, entry = explanation.failure, explanation.entry
    id = quoted(entry.execution)
    where = f"@{entry.seq} {visible(failure.step or 'the workflow')}"
    terminal.print(f"{terminal.style(where, 'bold')}  {terminal.style(failure.type.replace('_', ' '), 'red')}")
    message = failure.message if failure.condition else f"{failure.error}: {failure.message}"
    for row in message.splitlines()[:_ROWS_MAX]:
        terminal.print(f"  {visible(row)}")
    for link in explanation.chain:
        value = one_line(tree(link.entry.value), 60)
        place = f" as {visible(link.source.path)}" if link.source.path else ""
        how = {"whole": "", "part": "in part ", "quoted": "quoted "}[link.source.how]
        terminal.print(f"  {terminal.glyph('←', '<-')} @{link.entry.seq} {visible(name_of(link.entry))} = {value}")
        terminal.print(f"      {terminal.style(f'went {how}into @{link.into}{place}', 'dim')}")
    _show_changes(explanation, terminal)
    for verdict in verdicts:
        glyph, plain, style = _MARKS[verdict.outcome]
        suspect = store.entry(entry.execution, verdict.seq)
        mark = terminal.style(terminal.glyph(glyph, plain), style)
        terminal.print(f"{mark} @{verdict.seq} {visible(name_of(suspect))} {verdict.outcome}: {visible(verdict.why)}")
    if not verdicts and explanation.suspects:
        suspect = store.entry(entry.execution, explanation.suspects[0])
        terminal.print(f"suspect: @{suspect.seq} {visible(name_of(suspect))}")
        if explanation.counterpart(suspect.seq) is not None:
            terminal.hint(f"omium why {id} --confirm tries it with the output of the good run; no effect runs")
        else:
            terminal.hint(f"omium why {id} --suspect {suspect.seq} --value JSON tries it with another output")


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
    for change in explanation.changes:
        what = "gave another output for the same input" if change.what == "output" else "was given something else"
        terminal.print(f"  @{change.entry.seq} {visible(name_of(change.entry))} {what}")
        for row in change.lines[:_ROWS_MAX]:
            terminal.print(f"      {visible(row)}")


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
            {**_place(each.entry), "what": each.what, "good": each.good.seq, "lines": list(each.lines)}
            for each in explanation.changes
        ],
        "suspects": list(explanation.suspects),
        "verdicts": [each._asdict() for each in verdicts],
    }


def _place(entry: Entry) -> dict[str, Any]:
    return {"seq": entry.seq, "name": entry.name, "kind": entry.kind}
