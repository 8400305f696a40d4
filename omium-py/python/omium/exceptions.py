"""Every failure omium raises, each named after what the caller can do about it; and its warnings.

A class also derives from the built-in exception of the same meaning where Python has one. The first
argument is the whole message; what a program may want to read stands beside it in attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ArgumentsChanged",
    "BudgetExceeded",
    "CheckFailed",
    "Divergence",
    "EntryNotFound",
    "ExecutionNotFound",
    "Fenced",
    "FormatUnsupported",
    "FrameworkUnsupported",
    "InDoubt",
    "InvalidInput",
    "LeaseHeld",
    "NotAStore",
    "NotFinished",
    "NotSerializable",
    "OmiumError",
    "PostconditionFailed",
    "PreconditionFailed",
    "RecordedFailure",
    "RolledBack",
    "StepTimeout",
    "StoreCorrupted",
    "StoreUnavailable",
    "Stuck",
    "UndoFailed",
    "Waiting",
]


class OmiumError(Exception):
    """The root of all of them: catch it to catch everything omium itself raises."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)


class ExecutionNotFound(OmiumError, LookupError):
    """No execution has that id in this store: check the id and the store's path."""


class EntryNotFound(OmiumError, LookupError):
    """The execution has no such entry: list its checkpoints and take one of their seqs."""


class Divergence(OmiumError):
    """The code and the record disagree, found before anything ran.

    Restore the code that made the record, roll back to before `seq`, or start a new execution.
    """

    def __init__(
        self,
        message: str = "",
        *,
        execution: str | None = None,
        seq: int | None = None,
        expected: str | None = None,
        found: str | None = None,
        diff: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.execution = execution
        self.hint = hint
        """What to do, where it is not what helps against most divergences."""
        self.seq = seq
        """The nearest recorded entry, or None when the record has none here."""
        self.expected = expected
        self.found = found
        self.diff = tuple(diff)
        """Lines that show how the present input differs from the recorded one."""


class LeaseHeld(OmiumError):
    """Somebody alive is running this execution: wait for `owner`, or cancel the execution."""

    def __init__(self, message: str = "", *, owner: str | None = None, expires_at: float | None = None) -> None:
        super().__init__(message)
        self.owner = owner
        self.expires_at = expires_at
        """Seconds since 1970 when the lease ends, or None when it ends with its owner."""


class Fenced(OmiumError):
    """A newer owner took the execution over: stop, for nothing this one writes is accepted."""


class InDoubt(OmiumError):
    """An effect began and nobody knows whether it happened: find out, then settle it with `answer`."""

    def __init__(self, message: str = "", *, execution: str | None = None, seq: int | None = None) -> None:
        super().__init__(message)
        self.execution = execution
        self.seq = seq
        """The entry of its intent."""


class Waiting(OmiumError):
    """The execution cannot go on without an answer: give it with `omium.answer`, then resume."""

    def __init__(self, message: str = "", *, execution: str | None = None, seq: int | None = None) -> None:
        super().__init__(message)
        self.execution = execution
        self.seq = seq
        """The entry that is to be answered."""


class UndoFailed(OmiumError):
    """A compensation failed, and the rollback stopped there: repair the cause, then roll back again."""

    def __init__(self, message: str = "", *, execution: str | None = None, seq: int | None = None) -> None:
        super().__init__(message)
        self.execution = execution
        self.seq = seq
        """The effect that is still to be undone."""


class CheckFailed(OmiumError):
    """A condition does not hold; which one, and why, stands in the attributes."""

    def __init__(
        self,
        message: str = "",
        *,
        step: str | None = None,
        condition: str | None = None,
        reason: str | None = None,
        path: str | None = None,
        preview: str | None = None,
    ) -> None:
        super().__init__(message)
        self.step = step
        """The step, effect or workflow that was checked."""
        self.condition = condition
        """The expression, or the name of the function or schema."""
        self.reason = reason
        self.path = path
        """The part of the value that is to blame, such as `result.items[0].price`."""
        self.preview = preview
        """The value there, cut to a line."""


class PreconditionFailed(CheckFailed):
    """A step was called with arguments it must not run with, so it did not: repair what made them."""


class PostconditionFailed(CheckFailed):
    """A step's result failed its check and was not recorded as done: repair it and resume."""


class RolledBack(OmiumError):
    """The execution went back to repair a step: run the program again, it goes on from there."""


class Stuck(OmiumError):
    """The run does the same again and again: change what it decides by, then resume or roll back."""


class StoreCorrupted(OmiumError):
    """Bytes on the disk are not those that were written: run `omium check --full`."""


class StoreUnavailable(OmiumError, OSError):
    """The disk is full, read-only or failing: make it writable again, then resume."""


class NotAStore(OmiumError, ValueError):
    """The path holds something else: name a store, or an empty or missing directory."""


class FormatUnsupported(OmiumError):
    """Another version of omium wrote this: use that version or a newer one."""


class FrameworkUnsupported(OmiumError, ImportError):
    """The installed version of a framework is not one this omium knows: install one that it names."""


class InvalidInput(OmiumError, ValueError):
    """An argument is unusable: the message names it and says what is expected."""


class NotFinished(OmiumError):
    """The execution has no result yet: resume it, or wait for whoever runs it."""


class NotSerializable(OmiumError, TypeError):
    """The value at `path` cannot be recorded, or its class `type` not be found to rebuild it.

    Return plain data, register the class with `omium.codec.register`, or ask for `codec="pickle"`.
    """

    def __init__(self, message: str = "", *, path: str | None = None, type: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.type = type


class RecordedFailure(OmiumError):
    """A failure on record, of a class this process cannot rebuild or of a whole execution.

    `type` names the recorded class as `module:qualname` where it is known. Resume to try again.
    """

    def __init__(self, message: str = "", *, type: str | None = None) -> None:
        super().__init__(message)
        self.type = type


class StepTimeout(OmiumError, TimeoutError):
    """A step took longer than its `timeout`: allow more time, or retries."""


class BudgetExceeded(OmiumError):
    """The execution's budget does not cover the next call: raise the budget, then resume."""


class ArgumentsChanged(RuntimeWarning):
    """A step or effect changed an argument in place, which a resume does not do again: return what is new instead."""
