"""The pytest fixture `omium_replay`: a recorded run as a regression test.

    def test_the_run_that_failed_on_friday(omium_replay):
        omium_replay("friday.omx", research)

pytest loads this module in every project that has omium installed, so it imports nothing else of it
before the fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

    from omium import Execution, ReplayReport
    from omium._session import Session

    Replay = Callable[..., ReplayReport]

__all__ = ["omium_replay"]

T = TypeVar("T")


@pytest.fixture
def omium_replay(request: pytest.FixtureRequest, tmp_path: Path) -> Replay:
    """`omium_replay(FILE, program)`: runs the program on the record in FILE, made by `omium export`.

    Nothing runs live: no step, no model call, no effect. `program` is a workflow; or a function, plain or async,
    that does what the program did inside `with omium.execution(...)`, or that opens it itself; or, of a
    LangGraph thread, its graph. Left out, it is the recorded workflow, if its module can be imported. A
    difference fails the test and is shown. A relative FILE is looked for beside the test.
    """
    count = 0

    def replay(file: str | os.PathLike[str], program: Callable[..., Any] | None = None) -> ReplayReport:
        from omium._omium import Store
        from omium._replay import ThreadInReplay, reading
        from omium.exceptions import ExecutionNotFound
        from omium.execution import Execution

        nonlocal count
        count += 1
        path = request.path.parent / file
        if not path.is_file():
            pytest.fail(f"there is no file {path}: omium export EXEC -o {file} makes one", pytrace=False)
        store = Store(str(tmp_path / f"omium-replay-{count}"))
        imported = store.import_(str(path))
        try:
            with reading(store.path) as opened:
                report = _replayed(Execution(store, imported.id), program, opened)
        except ThreadInReplay as met:
            pytest.fail(f"{met}: export it, and replay it with its graph", pytrace=False)
        except ExecutionNotFound as other:
            pytest.fail(f"the program opens more than {file} holds: {other}", pytrace=False)
        if report.diverged_at is not None:
            told = "\n".join(f"  {line}" for line in report.differences)
            pytest.fail(f"the code diverges from {file} at @{report.diverged_at}:\n{told}", pytrace=False)
        return report

    return replay


def _replayed(handle: Execution[Any], program: Callable[..., Any] | None, opened: list[Session[Any]]) -> ReplayReport:
    from omium import config
    from omium._replay import of_program
    from omium._session import Session
    from omium.exceptions import ExecutionNotFound
    from omium.runtime._arguments import is_async
    from omium.workflow import AsyncWorkflow, Workflow

    known = handle.known()
    if known.workflow == "langgraph":
        return _walked(handle, program)
    if program is None:
        program = _recorded_program(known.id, known.workflow, known.source)
    if isinstance(program, Workflow):
        return program.replay(handle)
    if isinstance(program, AsyncWorkflow):
        return _outside_of_loops(program.replay, handle)
    session: Session[Any] = Session(handle, None, codec_name=config.settings().codec, mode="record")
    failure: Exception | None = None
    returned: Any = None
    try:
        if is_async(program):
            _outside_of_loops(_arun, session, program)
        else:
            with session:
                returned = program()
    except Exception as error:  # noqa: BLE001  # The report says what it means.
        failure = error
    if hasattr(returned, "__await__"):
        raise _not_awaited(returned)
    if failure is not None and (not session.begun or isinstance(failure, ExecutionNotFound)):
        raise failure
    around, *blocks = opened
    mine = [each for each in blocks if each.handle.id == known.id]
    return of_program(mine or [around], known, failure)


def _walked(handle: Execution[Any], graph: Any) -> ReplayReport:
    """Asks the graph at every checkpoint of a thread what it would run next; no node runs."""
    from omium._replay import ReplayReport
    from omium.cli._thread import on_store, walk
    from omium.exceptions import InvalidInput

    found = None if graph is None else on_store(graph, handle.store)
    if found is None:
        raise InvalidInput(
            f"{handle.id!r} is a LangGraph thread: give omium_replay its graph, or a function that makes it"
        )
    steps, _ = walk(handle.store, handle.known(), found)
    first = next((step for step in steps if step.diverges), None)
    if first is None:
        return ReplayReport(len(steps))
    return ReplayReport(len(steps), first.state.seq, (first.told,))


def _arun(session: Session[Any], program: Callable[..., Any]) -> None:
    from asyncio import run

    async def within() -> None:
        async with session:
            await program()

    run(within())


def _outside_of_loops(function: Callable[..., T], *args: Any) -> T:
    """Calls it in a thread of its own: the test may be async itself."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args).result()


def _not_awaited(returned: Any) -> Exception:
    from omium.exceptions import InvalidInput

    if hasattr(returned, "close"):
        returned.close()
    return InvalidInput("the program returned an awaitable, and nothing of it ran: give omium_replay an async function")


def _recorded_program(id: str, workflow: str, source: str | None) -> Callable[..., Any]:
    from importlib import import_module

    from omium.exceptions import InvalidInput

    module, _, name = (source or "").rpartition(":")
    if not module or module.endswith(".py"):
        where = f" ({source})" if source else ""
        raise InvalidInput(
            f"{id!r} was made by {workflow!r}{where}, which no import finds: give the workflow to omium_replay"
        )
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    program: Callable[..., Any] = found
    return program
