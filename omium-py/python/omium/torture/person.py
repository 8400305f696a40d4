"""The person who answers while a program is tortured: its questions from a script, and what is known of its effects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from omium._omium import Store
from omium.effects import _answers
from omium.torture.traces import address_of, interrupts_of, stores_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from omium import codec
    from omium.torture.traces import Address, Journal

__all__ = ["Person"]


class Person(NamedTuple):
    """Answers what programs wait for, as far as it can be known."""

    script: Sequence[Any]
    """Its answers, in the order in which an uninterrupted run asks; the last one serves for the rest."""
    asked: dict[Address, Any]
    """The questions of the uninterrupted run, with what was answered."""
    receipts: Mapping[Address, codec.Blob]
    """What effects come to in an uninterrupted run."""

    def settle(self, directory: Path, journal: Journal) -> dict[Address, bool]:
        """Answers what is open in the stores of a run that has ended; True for what is said to have happened."""
        settled: dict[Address, bool] = {}
        for path in stores_in(directory):
            store = Store(str(path), create=False)
            for execution in store.executions():
                for question in _answers.open_questions(store, execution.id):
                    address = address_of(store.entry(execution.id, question.seq))
                    if question.kind == "signal" and self.script:
                        _answers.settle(store, execution.id, self._said(address), seq=question.seq)
                        settled[address] = True
                    elif question.kind == "effect" and self._can_tell(address, journal):
                        receipt = self.receipts.get(address) if journal.in_flight[address] == "done" else None
                        _answers.record(store, execution.id, question.seq, receipt)
                        settled[address] = receipt is not None
                for address, answer in interrupts_of(store, execution):
                    if self.script and address[3]:
                        answer(self._said(address))
                        settled[address] = True
            store.close()
        return settled

    def _said(self, address: Address) -> Any:
        """The same question has the same answer in every run."""
        if address not in self.asked:
            self.asked[address] = self.script[min(len(self.asked), len(self.script) - 1)]
        return self.asked[address]

    def _can_tell(self, address: Address, journal: Journal) -> bool:
        """Not of an effect that was killed between the lines of its body: it may have acted or not."""
        moment = journal.in_flight.get(address)
        return moment == "intended" or (moment == "done" and address in self.receipts)
