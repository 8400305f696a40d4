"""What a failure says when it leaves omium for the program: where it is on record, and what to do.

Omium's own frames go from its traceback, where they only stand between frames of the program. An error of omium's
that is meant for the program needs none of them. Any other that came up in omium itself, or in the standard
library beneath it, is a fault of omium's, and keeps every frame.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from omium import _hints
from omium.codec import ON_RECORD

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["leaving", "readable"]

_OURS = os.path.dirname(__file__)
_STANDARD = os.path.dirname(os.__file__)
_PACKAGES = ("site-packages", "dist-packages")
_CAUSES_MAX = 8


class leaving:  # noqa: N801  # It is used as a statement.
    """Around what a program calls: whatever is raised through it is made readable.

    A class, for contextlib would put the old traceback back. Up to Python 3.10 the interpreter does.
    """

    __slots__ = ("_execution",)

    def __init__(self, execution: str | None) -> None:
        self._execution = execution

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None:
            readable(error, self._execution)


def readable(error: BaseException, execution: str | None) -> None:
    """Notes what to do, and trims the tracebacks of the error and of what it came from."""
    _note(error, execution)
    each: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        if each is not None:
            each.__traceback__ = _trimmed(each)
            each = each.__cause__ or each.__context__


def _note(error: BaseException, execution: str | None) -> None:
    """Adds `at EXEC@SEQ` and `hint: ...`, as `add_note` does from Python 3.11 on."""
    notes = list(getattr(error, "__notes__", ()))
    if any(isinstance(each, str) and each.startswith("hint: ") for each in notes):
        return  # As it left an execution within this one.
    from shlex import quote

    behind = vars(error).get(ON_RECORD)
    if _hints.is_own(error):
        id, seq = getattr(error, "execution", None) or execution, getattr(error, "seq", None)
        hint = _hints.hint(error, None if id is None else quote(id))
    elif behind and execution is not None:
        id, seq = execution, behind[-1]
        hint = f"omium why {quote(id)} says what it came from; the same program again goes on from there"
    else:
        return
    if id is not None and seq is not None:
        notes.append(f"at {id}@{seq}")
    vars(error)["__notes__"] = [*notes, f"hint: {hint}"] if hint else notes


def _trimmed(error: BaseException) -> TracebackType | None:
    frames = []
    each = error.__traceback__
    while each is not None:
        frames.append(each)
        each = each.tb_next
    others = [at for at, frame in enumerate(frames) if not (_is_ours(frame) or _is_standard(frame))]
    # What came up beneath the last frame of the program, or of a package it uses, is omium's own doing.
    upto = len(frames) if _hints.is_own(error) else others[-1] if others else 0
    trace = None
    for at, frame in reversed(list(enumerate(frames))):
        if at >= upto or not _is_ours(frame):
            frame.tb_next = trace
            trace = frame
    return trace


def _is_ours(frame: TracebackType) -> bool:
    return frame.tb_frame.f_code.co_filename.startswith(_OURS)


def _is_standard(frame: TracebackType) -> bool:
    file = frame.tb_frame.f_code.co_filename
    return file.startswith("<frozen") or (file.startswith(_STANDARD) and not any(each in file for each in _PACKAGES))
