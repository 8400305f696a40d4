"""`omium.resume_all`: what a service does at its start about the executions that nobody runs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from omium import config
from omium._handle import Execution
from omium.effects._answers import open_questions
from omium.exceptions import InvalidInput, LeaseHeld
from omium.runtime import _context, _registry
from omium.runtime._worker import off_loop, refuse_loop
from omium.workflow import AsyncWorkflow, Workflow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from omium import _omium
    from omium.runtime._registry import AnyWorkflow

__all__ = ["Resumed", "Unfinished", "aresume_all", "resume", "resume_all", "unfinished"]


class Resumed(NamedTuple):
    """What became of one execution."""

    execution: Execution[Any]
    error: Exception | None = None
    """What it raised; None: it completed, or waits for an answer."""


def resume_all(workflows: Iterable[AnyWorkflow] | None = None, *, concurrency: int = 8) -> list[Resumed]:
    """Resumes every execution of these workflows that can go on and that nobody runs, and waits for them.

    None: of every workflow this process has loaded. The oldest come first, at most `concurrency` at a time.
    What somebody alive runs is left to them, so any number of processes may call this at once. One
    that fails does not stop the others. Code that cannot go on with an execution, as its `version` is
    another, leaves it as it is. The answer says what became of each.
    """
    refuse_loop("omium.aresume_all()")
    from concurrent.futures import ThreadPoolExecutor

    found = _ready(workflows, concurrency)
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="omium-resume")
    try:
        ended = list(pool.map(resume, found))
    finally:
        # Whoever interrupts the program does not want to wait for those that have not begun.
        pool.shutdown(wait=False, cancel_futures=True)
    return _kept(resume(run) if _met_another(each) else each for run, each in zip(found, ended, strict=True))


async def aresume_all(workflows: Iterable[AnyWorkflow] | None = None, *, concurrency: int = 8) -> list[Resumed]:
    """`resume_all` for async code: async workflows run in this loop, plain ones in threads."""
    import asyncio

    found = await off_loop(_ready, workflows, concurrency)
    places = asyncio.Semaphore(concurrency)

    async def resumed(run: Unfinished) -> Resumed:
        async with places:
            return await _aresume(run)

    tasks = [asyncio.ensure_future(resumed(each)) for each in found]
    try:
        ended = await asyncio.gather(*tasks)
    except BaseException:
        # A task of its own would go on, and its execution with it.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    for at, each in enumerate(ended):
        if await off_loop(_met_another, each):
            ended[at] = await _aresume(found[at])
    return await off_loop(_kept, ended)


class Unfinished(NamedTuple):
    """An execution that can go on, and the code that goes on with it."""

    handle: Execution[Any]
    workflow: AnyWorkflow


def _ready(workflows: Iterable[AnyWorkflow] | None, concurrency: int) -> list[Unfinished]:
    """Those that nobody runs and that can go on, the oldest first."""
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise InvalidInput(f"concurrency is how many run at a time, 1 or more, not {concurrency!r}")
    if _context.frame() is not None:
        raise InvalidInput("resume_all() belongs outside of executions: at the start of the program")
    known = _named(_registry.loaded() if workflows is None else workflows)
    store = config.store()
    # One without arguments is loose code that bears the name of a workflow: only its own program goes on with it.
    found = [each for each in unfinished(store) if each.workflow in known and each.input is not None]
    runs = ((each.id, known[each.workflow]) for each in found)
    return [Unfinished(Execution(store, id, workflow), workflow) for id, workflow in runs]


def unfinished(store: _omium.Store) -> list[_omium.Execution]:
    """The executions that nobody runs and that can go on, whatever code that takes, the oldest first."""
    stopped = [each for status in ("ready", "orphaned") for each in store.executions(status=status)]
    answered = [each for each in store.executions(status="waiting") if not open_questions(store, each.id)]
    return sorted([*stopped, *answered], key=lambda each: (each.created_ms, each.id))


def _named(workflows: Iterable[AnyWorkflow]) -> dict[str, AnyWorkflow]:
    named: dict[str, AnyWorkflow] = {}
    for each in workflows:
        if not isinstance(each, Workflow | AsyncWorkflow):
            raise InvalidInput(f"resume_all() takes workflows, functions with @omium.workflow, not {each!r}")
        named[each.name] = each
    return named


def resume(run: Unfinished) -> Resumed:
    """Runs one on, unless its code cannot: then it is left as it is. Whatever is raised is told."""
    try:
        run.workflow.take_on(run.handle)
        run.workflow.resume(run.handle)
    except Exception as error:  # noqa: BLE001  # The others go on; the caller is told.
        return Resumed(run.handle, error)
    return Resumed(run.handle)


async def _aresume(run: Unfinished) -> Resumed:
    try:
        await off_loop(run.workflow.take_on, run.handle)
        await run.workflow.aresume(run.handle)
    except Exception as error:  # noqa: BLE001  # As above.
        return Resumed(run.handle, error)
    return Resumed(run.handle)


def _met_another(ended: Resumed) -> bool:
    """Whether it failed because an execution it calls by its id was being resumed too: that is over by now."""
    if not isinstance(ended.error, LeaseHeld):
        return False
    known = ended.execution.known()
    return known.status == "failed" and known.owner is None and (known.error or "").startswith("LeaseHeld:")


def _kept(ended: Iterable[Resumed]) -> list[Resumed]:
    """Without those that somebody else took meanwhile: they are theirs."""
    return [each for each in ended if not isinstance(each.error, LeaseHeld) or each.execution.status == "failed"]
