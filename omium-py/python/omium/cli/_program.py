"""A program run on its record alone: what it opens is read, and what is not on record is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium import _replay
from omium.cli._code import start
from omium.cli._errors import CommandError
from omium.cli._target import exists, quoted
from omium.cli._terminal import visible
from omium.cli.run import made_id
from omium.exceptions import Divergence, ExecutionNotFound

if TYPE_CHECKING:
    from omium._omium import Execution, Store
    from omium._session import Session
    from omium.cli._code import Program

__all__ = ["replay_program"]

_ARGUMENTS = "give it the arguments with which it opens {}; a fork or a copy has an id of its own"


def replay_program(store: Store, execution: Execution, program: Program) -> _replay.ReplayReport:
    """Runs the program from its start; all stores it opens are this one.

    Around it is the execution that `omium run` made of this command, or else the one to replay, so that what it
    does around blocks of its own is not run either.
    """
    import omium

    made = made_id(*program)
    around_id = made if exists(store, made) else execution.id
    error: Exception | None = None
    stopped: object = None
    with _replay.reading(store.path) as read:
        try:
            with omium.execution(around_id):
                start(*program)
        except SystemExit as stop:
            stopped = stop.code
        except CommandError:
            raise
        except ExecutionNotFound as unknown:
            raise CommandError(
                f"the program runs what is not on record: {unknown}", _ARGUMENTS.format(quoted(execution.id))
            ) from unknown
        except Exception as raised:  # noqa: BLE001  # The report says what it means.
            error = raised
    if error is not None and not read:
        raise error
    around, *blocks = read
    for each in read:
        if isinstance(each.run.aborted, _replay.ThreadInReplay):
            raise each.run.aborted
    mine = [each for each in blocks if each.handle.id == execution.id]
    if not mine:
        if around_id != execution.id or _asked_nothing(around, execution):
            _refuse_another(execution.id, blocks, error, stopped)
        return _replay.of_program([around], execution)
    try:
        return _replay.of_program(mine, execution, error)
    except Divergence as outside:
        first = str(outside).splitlines()[0]
        raise CommandError(
            f"the program calls what is not on record outside of its executions: {visible(first)}",
            "run it by omium run, which records that too, or put it into an execution",
        ) from outside


def _asked_nothing(session: Session[Any], execution: Execution) -> bool:
    entries = session.run.store.entries(execution.id)
    asked = any(session.run.native.consumed(each.seq) for each in entries)
    return bool(entries) and not asked and session.run.aborted is None


def _refuse_another(id: str, blocks: list[Session[Any]], error: Exception | None, stopped: object) -> None:
    """Raises why nothing of the execution was asked for, where it is not for changed code in it."""
    if error is not None:
        raise error
    others = dict.fromkeys(quoted(each.handle.id) for each in blocks)
    if others:
        raise CommandError(
            f"the program opens {', '.join(others)}, and not {quoted(id)}", _ARGUMENTS.format(quoted(id))
        )
    if stopped not in (None, 0):
        said = f"with exit code {stopped}" if isinstance(stopped, int) else f"saying {visible(str(stopped))}"
        raise CommandError(
            f"the program ended {said} before it asked for anything of {quoted(id)}", _ARGUMENTS.format(quoted(id))
        )
