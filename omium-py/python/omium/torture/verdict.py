"""A killed and continued run held against an uninterrupted one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from omium.view import _diff

if TYPE_CHECKING:
    from omium.effects._ledger import EffectRecord
    from omium.torture.traces import Left
    from omium.torture.trial import Trial

__all__ = ["Judge", "Violation"]

_MISSING = "(nothing)"


class Violation(NamedTuple):
    """A promise that was broken, and how."""

    what: str
    lines: tuple[str, ...] = ()


class Judge:
    """Knows what an uninterrupted run does, and what differs even between two of those."""

    def __init__(self, one: Trial, other: Trial) -> None:
        self._reference = one
        first, second = one.left.flat(), other.left.flat()
        self.unsteady = {key for key in first.keys() | second.keys() if _of(first, key) != _of(second, key)}
        self.settled: Counter[tuple[str, str]] = Counter()
        """How effects that were in flight at a kill came out: (name, outcome)."""

    @property
    def compared(self) -> int:
        """Values and files that are the same in every uninterrupted run."""
        return len(self._reference.left.flat().keys() - self.unsteady)

    def judge(self, trial: Trial) -> list[Violation]:
        """What the trial broke."""
        waits = self._settle(trial)
        found = [*self._repeated(trial), *_changed_keys(trial.left)]
        if waits:
            # The effect's own policy hands the question to a person; nothing went on without the answer.
            return found
        if trial.code != self._reference.code:
            tail = tuple(trial.talk.strip().splitlines()[-6:])
            expected = self._reference.code
            return [*found, Violation(f"the continued run ended with exit code {trial.code}, not {expected}", tail)]
        return [*found, *self._differences(trial.left)]

    def _settle(self, trial: Trial) -> bool:
        """Notes how effects in flight came out; true when the run now waits for somebody to say so."""
        doubtful = [address for address in trial.journal.in_flight if address[0] == "effect"]
        waits = not trial.left.doubts.isdisjoint(doubtful)
        probed = {each.name for each in trial.left.effects if each.note.probe}
        for address in doubtful:
            name = trial.journal.names[address]
            again = trial.journal.continued[address] > 0
            if trial.code != self._reference.code and not waits:
                continue
            if address in trial.told:
                outcome = "a person said that it had happened, not repeated"
                if not trial.told[address]:
                    outcome = "a person said that it had not happened, ran"
            elif address in trial.left.doubts:
                outcome = "left to a person, as it asks for"
            elif name.rpartition(" › ")[2] in probed:
                outcome = "had not happened by its probe, ran" if again else "had happened by its probe, not repeated"
            else:
                outcome = "tried again under the same idempotency key" if again else "ended by its failure"
            self.settled[name, outcome] += 1
        return waits

    def _repeated(self, trial: Trial) -> list[Violation]:
        """Calls that ran more often than needed, and were not under way when the process died."""
        found = []
        for address, begun in trial.journal.bodies.items():
            needed = self._reference.journal.bodies[address]
            allowed = needed + (1 if address in trial.journal.in_flight else 0)
            if needed and begun > allowed:
                kind, name = address[0], trial.journal.names[address]
                noun = "model call" if kind == "llm" else kind
                found.append(Violation(f"{noun} {name} ran {begun} times, {needed} needed: it was on record already"))
        return found

    def _differences(self, left: Left) -> list[Violation]:
        expected, found = self._reference.left.flat(), left.flat()
        violations = []
        for key in sorted(expected.keys() | found.keys()):
            if key in self.unsteady or _of(expected, key) == _of(found, key):
                continue
            if key[0] == "file":
                violations.append(_file(key[1], expected.get(key, []), found.get(key, [])))
            else:
                lines = _diff.lines(_of(expected, key), _of(found, key))
                violations.append(Violation(f"execution {key[1]}: {key[2]} is not what it should be", tuple(lines)))
        return violations


def _file(name: str, expected: list[str], found: list[str]) -> Violation:
    """What stands in a file too often, or not at all, counts more than its order."""
    needed, there = Counter(expected), Counter(found)
    rows = [
        f"{there[line]} times instead of {needed[line]}: {line}"
        for line in dict.fromkeys([*found, *expected])
        if there[line] != needed[line]
    ]
    more = any(there[line] > needed[line] for line in there)
    less = any(there[line] < needed[line] for line in needed)
    if more and not less:
        what = f"{name} has lines more than once: an effect was repeated"
    elif less and not more:
        what = f"{name} lacks lines: an effect was lost"
    else:
        what = f"{name} holds something else" if rows else f"the lines of {name} stand in another order"
    return Violation(what, tuple(rows[:10]))


def _changed_keys(left: Left) -> list[Violation]:
    """Effects that were begun again under another idempotency key: the outside cannot tell it is the same."""
    keys: dict[tuple[str, str, str, int], set[str]] = {}
    records: dict[tuple[str, str, str, int], EffectRecord] = {}
    for each in left.effects:
        address = each.execution, each.scope, each.intent.key, each.intent.occurrence
        keys.setdefault(address, set()).add(each.note.key)
        records[address] = each
    return [
        Violation(f"effect {records[address].name} was begun again under another idempotency key")
        for address, known in keys.items()
        if len(known) > 1
    ]


def _of(flat: dict[tuple[str, ...], Any], key: tuple[str, ...]) -> Any:
    return flat.get(key, _MISSING)
