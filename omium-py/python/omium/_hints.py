"""What to do about a failure, a line for each kind: told by the command line, and carried by what leaves a program."""

from __future__ import annotations

__all__ = ["hint", "is_own", "kinds"]

_HINTS = {
    "StoreCorrupted": "omium check --full names what is damaged and what is lost by it",
    "FormatUnsupported": "install the version of omium that wrote it, or a newer one",
    "NotAStore": "--store DIR or OMIUM_STORE names the store",
    "LeaseHeld": "wait for it to end, or shut it out: omium cancel EXEC",
    "Fenced": "omium show EXEC says whether another run has it, or whether it was cancelled",
    "Divergence": "bring back the code that made the record, or roll back to before that entry",
    "InDoubt": "find out whether it happened: omium answer EXEC RECEIPT, or omium answer EXEC --did-not-happen",
    "Waiting": "omium answer EXEC VALUE, then run on",
    "UndoFailed": "repair what failed, then ask for the same rollback again",
    "NotFinished": "omium resume EXEC continues it",
    "EntryNotFound": "omium log EXEC lists its entries",
    "ExecutionNotFound": "omium ls lists the executions",
    "StoreUnavailable": "omium doctor looks at the disk and the rights",
    "NotSerializable": "return plain data, or register the class with omium.codec.register",
    "BudgetExceeded": "raise the budget, then run it again: what is recorded is not paid for twice",
    "Stuck": "change what it decides by, or give the step that hangs a timeout=, then run it again",
}


def kinds(error: BaseException) -> list[str]:
    """The names of its classes, the nearest first."""
    return [kind.__name__ for kind in type(error).__mro__]


def is_own(error: BaseException) -> bool:
    """Whether it is one that omium raises for the program."""
    return "OmiumError" in kinds(error)


def hint(error: BaseException, execution: str | None = None) -> str | None:
    """What may help; `execution` is how the execution is typed on a command line."""
    if not is_own(error):
        return None
    found = getattr(error, "hint", None) or next((_HINTS[name] for name in kinds(error) if name in _HINTS), None)
    return found.replace("EXEC", execution) if found and execution else found
