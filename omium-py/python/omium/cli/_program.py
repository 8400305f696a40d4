"""A program run on its record alone: what it opens is read, and what is not on record is refused."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from omium import _replay, config
from omium.cli._code import start
from omium.cli._errors import CommandError
from omium.exceptions import ExecutionNotFound
from omium.runtime import _boundary

if TYPE_CHECKING:
    from omium._omium import Execution, Store
    from omium._session import Session
    from omium.runtime._boundary import Boundary

__all__ = ["replay_program"]


def replay_program(store: Store, execution: Execution, code: str) -> _replay.ReplayReport:
    """Runs the program from its start; all stores it opens are this one.

    It runs inside the execution, as by `omium run`, so that what it does around blocks of its own is not run either.
    """
    import omium

    script, *arguments = shlex.split(code)
    config.confine(store.path)
    error: Exception | None = None
    read: list[Session[Any]] = []
    _replay.read = read
    _boundary.watcher = _refuse_graphs
    try:
        with omium.execution(execution.id):
            start(script, arguments)
    except SystemExit:
        pass
    except CommandError:
        raise
    except ExecutionNotFound as unknown:
        raise CommandError(
            f"the program runs what is not on record: {unknown}", "give it the arguments of the run to replay"
        ) from unknown
    except Exception as raised:  # noqa: BLE001  # The report says what it means.
        error = raised
    finally:
        _replay.read = None
        _boundary.watcher = None
    around, *blocks = [each for each in read if each.handle.id == execution.id]
    if error is not None and blocks and not any(each.error for each in blocks):
        # It came from outside of the blocks, so no report tells of it.
        raise error
    reports = [_report(each, execution) for each in blocks or [around]]
    return next((each for each in reports if each.diverged_at is not None), reports[0])


def _report(session: Session[Any], known: Execution) -> _replay.ReplayReport:
    return _replay.report(session, known, session.error if isinstance(session.error, Exception) else None)


def _refuse_graphs(boundary: Boundary) -> None:
    if boundary.kind == "state":
        raise CommandError(
            "the program runs a LangGraph graph, and its checkpoints are executions of their own",
            "replay the thread: omium replay THREAD --code agent.py:graph",
        )
