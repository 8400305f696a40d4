"""Failures of a command: one clear line, a hint, an exit code."""

from __future__ import annotations

from omium.cli._address import quoted, split
from omium.cli._terminal import Terminal, visible

__all__ = ["DONE", "FAILED", "INTERRUPTED", "REFUSED", "USAGE", "CommandError", "explain", "tell_stack"]

DONE, FAILED, USAGE, REFUSED = 0, 1, 2, 3
INTERRUPTED = 130
"""By Ctrl-C, as shells say it."""


class CommandError(Exception):
    """A command that cannot go on, told to the user as it stands."""

    def __init__(self, message: str, hint: str | None = None, code: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


_HINTS = {
    "StoreCorrupted": "omium check --full names what is damaged and what is lost by it",
    "FormatUnsupported": "install the version of omium that wrote it, or a newer one",
    "NotAStore": "--store DIR or OMIUM_STORE names the store",
    "LeaseHeld": "wait for it to end, or shut it out: omium cancel EXEC",
    "Fenced": "somebody newer took the execution over: omium show EXEC",
    "Divergence": "bring back the code that made the record, or roll back to before that entry",
    "InDoubt": "find out whether it happened: omium answer EXEC RECEIPT, or omium answer EXEC --did-not-happen",
    "Waiting": "omium answer EXEC VALUE, then run on",
    "UndoFailed": "repair what failed, then ask for the same rollback again",
    "NotFinished": "omium resume EXEC continues it",
    "EntryNotFound": "omium log EXEC lists its entries",
    "ExecutionNotFound": "omium ls lists the executions",
    "StoreUnavailable": "omium doctor looks at the disk and the rights",
    "NotSerializable": "return plain data, or register the class with omium.codec.register",
}
_REFUSED = ("LeaseHeld", "Fenced", "Divergence", "InDoubt", "Waiting")


def explain(error: BaseException, terminal: Terminal, target: str | None = None) -> int:
    """Tells the user what failed and returns the exit code."""
    terminal.end_progress()
    if isinstance(error, CommandError):
        terminal.error(str(error), error.hint)
        return error.code
    kinds = [kind.__name__ for kind in type(error).__mro__]
    if "OmiumError" in kinds:
        # A divergence carries the differing lines beneath its first one.
        first, *rest = str(error).splitlines() or [type(error).__name__]
        terminal.error(visible(first))
        for row in rest:
            terminal.note(f"  {visible(row)}")
        hint = next((_HINTS[kind] for kind in kinds if kind in _HINTS), None)
        if hint:
            terminal.hint(hint.replace("EXEC", _shell(target)) if target else hint)
        return REFUSED if any(kind in _REFUSED for kind in kinds) else FAILED
    if isinstance(error, OSError) and not _passed_through_code_of_the_user(error):
        terminal.error(visible(str(error)), "omium doctor looks at the disk and the rights")
        return FAILED
    return _unexpected(error, terminal)


def _shell(target: str) -> str:
    return quoted(split(target)[0])


def _passed_through_code_of_the_user(error: BaseException) -> bool:
    """Whether a frame is neither omium's nor of the standard library: then the trouble is not the store's."""
    import os
    import traceback
    from pathlib import Path

    known = (str(Path(__file__).parents[1]), os.path.dirname(os.__file__), "<frozen")
    return any(not frame.filename.startswith(known) for frame in traceback.extract_tb(error.__traceback__))


def _unexpected(error: BaseException, terminal: Terminal) -> int:
    tell_stack(error, terminal)
    terminal.error(": ".join(filter(None, [type(error).__name__, visible(str(error))])))
    return FAILED


def tell_stack(error: BaseException, terminal: Terminal) -> None:
    """Most often the user's own code failed: its frames are shown, omium's own only where there are no others."""
    import traceback
    from pathlib import Path

    ours = str(Path(__file__).parents[1])
    told = traceback.TracebackException.from_exception(error)
    theirs = [frame for frame in told.stack if not frame.filename.startswith((ours, "<frozen"))]
    told.stack = traceback.StackSummary.from_list(theirs or told.stack)
    terminal.note("".join(told.format()).rstrip())
