"""A killed and continued run held against an uninterrupted one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from omium.torture._point import loose
from omium.torture.talk import last_of
from omium.view import _diff

if TYPE_CHECKING:
    from collections.abc import Collection

    from omium.effects._ledger import EffectRecord
    from omium.torture.traces import Left
    from omium.torture.trial import Trial

__all__ = ["Judge", "Violation"]

_MISSING = "(nothing)"


_OUTSIDE = "what touches the outside belongs into an @omium.effect; see docs/torture.md"
_CHANGES = "what differs from run to run (a time, a random number, a made id) belongs into a step, which records it"
_SAME_ID = "choose ids that stay the same: workflow.options(id='order-7'), omium.execution('order-7')"


class Violation(NamedTuple):
    """A promise that was broken, and how."""

    what: str
    lines: tuple[str, ...] = ()
    hint: str | None = None
    alike: str | None = None
    """What two have in common that are the same although their lines differ; None: the lines."""

    @property
    def identity(self) -> tuple[object, ...]:
        """Two that share it are one."""
        return self.what, self.alike or self.lines, self.hint


class Judge:
    """Knows what an uninterrupted run does, and what differs even between two of those."""

    def __init__(self, one: Trial, other: Trial) -> None:
        self._reference = one
        first, second = one.left.flat(), other.left.flat()
        self.unsteady = {key for key in first.keys() | second.keys() if _of(first, key) != _of(second, key)}
        self._loose = {_loose(key) for key in self.unsteady if not (key in first and key in second)}
        self._numbers = {
            each: number
            for each, number in _numbers(first, self._loose, self.unsteady).items()
            if number == _numbers(second, self._loose, self.unsteady).get(each)
        }
        """What is not the same in every run, and yet as many: lines of a file, calls of a name."""
        self.settled: Counter[tuple[str, str]] = Counter()
        """How effects that were in flight at a kill came out: (name, outcome)."""
        self.reordered: set[str] = set()
        """Files with the same lines in another order, where calls run at the same time."""

    @property
    def compared(self) -> int:
        """Values and files that are the same in every uninterrupted run."""
        return len(self._reference.left.flat().keys() - self.unsteady)

    def judge(self, trial: Trial) -> list[Violation]:
        """What the trial broke."""
        waits = self._settle(trial)
        anew = self._begun_anew(trial)
        if anew is not None:
            return [anew]
        found = [*self._repeated(trial), *_changed_keys(trial.left)]
        if waits:
            # The effect's own policy hands the question to a person; nothing went on without the answer.
            return found
        if trial.code is None:
            return [*found, Violation("the continued run did not end: it hangs")]
        if trial.code != self._reference.code:
            return [*found, self._ended_otherwise(trial)]
        return [*found, *self._differences(trial)]

    def _begun_anew(self, trial: Trial) -> Violation | None:
        """Whoever makes up a new id each time continues nothing."""
        for id in trial.left.executions:
            if "…" in id and id not in self._reference.left.executions:
                name = id.partition(" (")[0]
                return Violation(f"execution {name} was not continued: the program made up another id", (), _SAME_ID)
        return None

    def _ended_otherwise(self, trial: Trial) -> Violation:
        last = last_of(trial.talk, trial.root)
        at = () if last.at is None else (f"at {last.at}",)
        diverged = last.kind.startswith("Divergence")
        return Violation(
            f"the continued run ended with exit code {trial.code}, not {self._reference.code}",
            (*last.error, *at),
            _CHANGES if diverged else None,
            # A line that gives what is not recorded does so however far the execution had come.
            f"Divergence {at}" if diverged else last.kind,
        )

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
            elif again:
                outcome = "tried again under the same idempotency key"
            else:
                # Of calls at the same time one may be on record before it could say so.
                on_record = address in trial.left.receipts
                outcome = "its receipt was on record, not repeated" if on_record else "ended by its failure"
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

    def _differences(self, trial: Trial) -> list[Violation]:
        expected, found = self._reference.left.flat(), trial.left.flat()
        hint = self._how_repeated(trial)
        violations = []
        for key in sorted(expected.keys() | found.keys()):
            if key in self.unsteady or _loose(key) in self._loose or _of(expected, key) == _of(found, key):
                continue
            if key[0] == "file":
                lines, others = expected.get(key, []), found.get(key, [])
                if self._reference.journal.at_once and Counter(lines) == Counter(others):
                    self.reordered.add(key[1])
                    continue
                violations.append(_file(key[1], lines, others, hint))
            else:
                rows = _diff.lines(_of(expected, key), _of(found, key))
                violations.append(Violation(f"execution {key[1]}: {key[2]} is not what it should be", tuple(rows)))
        numbers = _numbers(found, self._loose, self.unsteady)
        for key, needed in sorted(self._numbers.items()):
            number = numbers.get(key, 0)
            if number == needed:
                continue
            if key[0] == "file":
                how = "an effect was repeated" if number > needed else "an effect was lost"
                what = f"{key[1]} has {number} lines instead of {needed}: {how}"
                violations.append(Violation(what, hint=hint if number > needed else None))
            else:
                what = f"execution {key[1]}: {number} of {key[2]} on record instead of {needed}"
                violations.append(Violation(what))
        return violations

    def _how_repeated(self, trial: Trial) -> str:
        """What to do about something outside that happened twice."""
        flying = [address for address in trial.journal.in_flight if address[0] == "effect"]
        if not flying:
            return _OUTSIDE
        path = trial.journal.names[flying[-1]]
        name = path.rpartition(" › ")[2]
        if any(each.name == name and each.note.probe for each in trial.left.effects):
            return f"{name} had happened, and its probe said that it had not: see to the probe"
        return f"{name} was tried again under the same key: whoever it asks must act once per key, or give it a probe"


def _loose(key: tuple[str, ...]) -> tuple[str, ...]:
    """The key of a call without the digest of its inputs."""
    return (*key[:-1], loose(key[-1]))


def _numbers(
    flat: dict[tuple[str, ...], Any], names: Collection[tuple[str, ...]], unsteady: Collection[tuple[str, ...]]
) -> Counter[tuple[str, ...]]:
    """How many lines the unsteady files have, and how often calls of those names are on record."""
    numbers: Counter[tuple[str, ...]] = Counter()
    for key, value in flat.items():
        if key[0] == "file":
            numbers[key] += len(value) if key in unsteady else 0
        elif _loose(key) in names:
            numbers[_loose(key)] += 1
    return +numbers


def _file(name: str, expected: list[str], found: list[str], hint: str) -> Violation:
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
        return Violation(f"{name} has lines more than once: an effect was repeated", tuple(rows[:10]), hint)
    if less and not more:
        return Violation(f"{name} lacks lines: an effect was lost", tuple(rows[:10]))
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
