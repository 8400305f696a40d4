"""Failures of a command: one clear line, a hint, an exit code."""

from __future__ import annotations

from typing import Any

from omium import _hints
from omium.cli._address import quoted, split
from omium.cli._terminal import Terminal, visible

__all__ = [
    "DONE",
    "FAILED",
    "INTERRUPTED",
    "REFUSED",
    "USAGE",
    "CommandError",
    "error_json",
    "explain",
    "is_refusal",
    "tell_stack",
]

DONE, FAILED, USAGE, REFUSED = 0, 1, 2, 3
INTERRUPTED = 130
"""By Ctrl-C, as shells say it."""


class CommandError(Exception):
    """A command that cannot go on, told to the user as it stands."""

    def __init__(self, message: str, hint: str | None = None, code: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


_REFUSED = ("LeaseHeld", "Fenced", "Divergence", "InDoubt", "Waiting")


def explain(error: BaseException, terminal: Terminal, target: str | None = None) -> int:
    """Tells the user what failed and returns the exit code."""
    terminal.end_progress()
    if isinstance(error, CommandError):
        terminal.error(str(error), error.hint)
        return error.code
    if _hints.is_own(error):
        # A divergence carries the differing lines beneath its first one.
        first, *rest = str(error).splitlines() or [type(error).__name__]
        terminal.error(visible(first))
        for row in rest:
            terminal.note(f"  {visible(row)}")
        if hint := _hints.hint(error, _shell(target) if target else None):
            terminal.hint(hint)
        return REFUSED if is_refusal(error) else FAILED
    if isinstance(error, OSError) and not _passed_through_code_of_the_user(error):
        terminal.error(visible(str(error)), "omium doctor looks at the disk and the rights")
        return FAILED
    return _unexpected(error, terminal)


def is_refusal(error: BaseException) -> bool:
    """Whether nothing is broken: what was asked for may not be done as things stand."""
    return _hints.is_own(error) and any(name in _REFUSED for name in _hints.kinds(error))


def error_json(error: BaseException, code: int, target: str | None = None) -> dict[str, Any]:
    """What failed, for programs: on stdout, where they look for the answer."""
    hint = error.hint if isinstance(error, CommandError) else _hints.hint(error, _shell(target) if target else None)
    told = {"kind": type(error).__name__, "message": str(error), "hint": hint, "exit_code": code}
    place = {name: getattr(error, name, None) for name in ("execution", "seq")} if _hints.is_own(error) else {}
    return {"error": {**told, **{name: value for name, value in place.items() if value is not None}}}


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
