"""`@omium.workflow`: a function whose calls are executions."""

from __future__ import annotations

from functools import partial, update_wrapper
from time import sleep
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from omium import codec, config
from omium._handle import Execution, made_id
from omium._leaving import leaving
from omium._replay import ReplayReport, report
from omium._session import Session
from omium.checks import Checks, Condition
from omium.exceptions import Divergence, InvalidInput
from omium.recovery import Detect, Recovery, parse
from omium.recovery._rounds import Rounds
from omium.recovery.detectors import checked
from omium.runtime import _arguments, _context, _record, _registry
from omium.runtime._arguments import Parameters
from omium.runtime._budget import budget
from omium.runtime._code import Code
from omium.runtime._course import served_by
from omium.runtime._finished import FINISHED, diverged
from omium.runtime._live import Rewind
from omium.runtime._worker import off_loop, refuse_loop
from omium.view import _differences

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from inspect import BoundArguments

    from typing_extensions import Self

    from omium._omium import Value
    from omium.runtime._budget import Budget
    from omium.step import Codec

__all__ = ["AsyncWorkflow", "Workflow", "workflow"]

P = ParamSpec("P")
R = TypeVar("R")

_VERSION = ""
"""The key of the version among the recorded arguments; no parameter has this name."""


class _Recorded(Generic[P, R]):
    """What plain and async workflows share: how an execution of one is opened."""

    def __init__(
        self,
        function: Callable[P, Any],
        name: str | None,
        version: str | None,
        codec_name: Codec | None,
        checks: Checks,
        recovery: Recovery | None,
        detect: Detect | None,
    ) -> None:
        update_wrapper(cast("Any", self), function)
        self.name = _arguments.label(function, name)
        self.version = version
        self.codec = codec_name
        self._function = function
        self._parameters = Parameters(function)
        self._body = checks.around(function, self._parameters)
        self._code = Code(function, checks.conditions)
        self._recovery = recovery
        self._detect = detect
        self._id: str | None = None
        self._instance: tuple[Any, ...] = ()
        self._budget: Budget | None = None

    def options(
        self,
        *,
        id: str | None = None,
        codec: Codec | None = None,
        budget_usd: float | None = None,
        budget_tokens: int | None = None,
        detect: Detect | None = None,
    ) -> Self:
        """The same workflow with an id for its next execution: `research.options(id="a").start(...)`.

        A budget limits what the model calls of that execution may use, counted over all its runs.
        `detect` says when it is taken to be stuck.
        """
        return self._copy(
            _id=id,
            codec=codec or self.codec,
            _budget=budget(budget_usd, budget_tokens) or self._budget,
            _detect=self._detect if detect is None else checked(detect),
        )

    def __get__(self, instance: Any, owner: type | None = None) -> Self:
        return self if instance is None else self._copy(_instance=(instance,))

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name}>"

    def __reduce__(self) -> str:
        # Pickled by name, as functions are.
        return self._function.__qualname__

    def _copy(self, **changes: Any) -> Self:
        other = object.__new__(type(self))
        vars(other).update(vars(self), **changes)
        return other

    def _given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> BoundArguments:
        return self._parameters.bind((*self._instance, *args), kwargs)

    def _nested(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """A call inside another execution, as arguments of `_record.call`."""
        inputs = self._parameters.inputs((*self._instance, *args), kwargs)
        body = partial(self._body, *self._instance, *args, **kwargs)
        return (
            "step",
            self.name,
            inputs,
            body,
            _record.policy(codec=self.codec, ladder=self._recovery)._replace(code=self._code),
        )

    def _naming(self, given: BoundArguments) -> tuple[Any, ...]:
        """The making of an id, as arguments of `_record.call`: a resume must find the same one."""
        return "step", f"{self.name}.id", given.arguments, partial(made_id, self.name)

    def _session(self, handle: Execution[R], given: BoundArguments | None, *, replay: bool = False) -> Session[R]:
        codec_name = self.codec or config.settings().codec
        blob = None
        if given is not None:
            version = {} if self.version is None else {_VERSION: self.version}
            blob = codec.dumps({**version, **given.arguments}, codec_name)
        return Session(
            handle,
            self.name,
            codec_name=codec_name,
            mode="record" if replay else "live",
            budget=self._budget,
            detect=self._detect,
            input=blob,
            source=_registry.source_of(self._function),
            code=self._code,
            parks=True,
        )

    def _call(self, session: Session[R], given: BoundArguments | None) -> Callable[[], Any]:
        """The function with its arguments; refuses those that are not the recorded ones."""
        run = session.run
        version, arguments = self._recorded(run.native.id, run.native.input, run.codec)
        if not session.finished:
            self._refuse(run.native.id, version)
        bound = self._parameters.rebind(arguments)
        if bound is None or (given is not None and not _arguments.same(bound, given)):
            raise self._others(run.native.id, arguments, given)
        bound = given or bound
        return partial(self._body, *bound.args, **bound.kwargs)

    def take_on(self, handle: Execution[R]) -> None:
        """Refuses an unfinished execution that this code cannot go on with, and leaves it as it is."""
        version, arguments = self._recorded(handle.id, handle.known().input, self.codec or config.settings().codec)
        self._refuse(handle.id, version)
        if self._parameters.rebind(arguments) is None:
            raise self._others(handle.id, arguments, None)

    def _recorded(self, id: str, given: Value | None, codec_name: str) -> tuple[str | None, dict[str, Any]]:
        """The version that began an execution, and the arguments it was given."""
        if given is None:
            raise InvalidInput(f"execution {id!r} has no arguments on record: run its own program again")
        arguments = codec.loads(given.codec, given.read(), allow_pickle=codec_name == "pickle")
        return arguments.pop(_VERSION, None), arguments

    def _refuse(self, id: str, version: str | None) -> None:
        if version != self.version:
            raise Divergence(
                f"execution {id!r} was begun by version {version} of {self.name!r} and this is version "
                f"{self.version}: finish it with that code, or start a new one",
                execution=id,
                expected=version,
                found=self.version,
            )

    def _others(self, id: str, recorded: dict[str, Any], given: BoundArguments | None) -> Divergence:
        if given is None:
            names = ", ".join(recorded) or "none"
            return Divergence(
                f"{self.name!r} does not take the arguments of execution {id!r} any more: {names}", execution=id
            )
        message = f"execution {id!r} was begun with other arguments: give the same ones, or another id"
        before, now = (("msgpack", codec.dumps_shown(each)) for each in (recorded, given.arguments))
        lines = _differences.lines(before, now)
        error = Divergence("\n".join([message, *lines]), execution=id, diff=lines)
        known = config.store().execution(id)
        return diverged(known, error) if known.status in FINISHED else error


class Workflow(_Recorded[P, R]):
    """A workflow that is a plain function. A call is a durable call, under an id made for it.

    Inside an execution a call is a step of that execution, and its steps are nested in it.
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if _context.frame() is None or self._id is not None:
            with leaving(self._id):
                return self.start(*args, **kwargs).result()
        value: R = _record.call(*self._nested(args, kwargs))
        return value

    def start(self, *args: P.args, **kwargs: P.kwargs) -> Execution[R]:
        """Runs to the end and returns the handle; what the function raises is raised here.

        An id that exists already is resumed where it stopped; when it has ended nothing runs. An
        execution that needs an answer ends early, with the status `waiting`.
        """
        given = self._given(args, kwargs)
        id = self._id or _record.call(*self._naming(given))
        handle: Execution[R] = Execution(config.store(), id, self)
        with leaving(id):
            self._run(self._session(handle, given), given)
        return handle

    def resume(self, handle: Execution[R]) -> None:
        self._run(self._session(handle, None), None)

    async def aresume(self, handle: Execution[R]) -> None:
        from asyncio import to_thread

        await to_thread(self.resume, handle)

    def replay(self, handle: Execution[R]) -> ReplayReport:
        session = self._session(handle, None, replay=True)
        failure: Exception | None = None
        try:
            self._run(session, None)
        except Exception as error:  # noqa: BLE001  # The report says what it means.
            failure = error
        return report(session, handle.known(), failure)

    async def areplay(self, handle: Execution[R]) -> ReplayReport:
        from asyncio import to_thread

        return await to_thread(self.replay, handle)

    def _run(self, session: Session[R], given: BoundArguments | None) -> None:
        rounds = Rounds(session, self.name, self._recovery)
        sleep(rounds.left())
        while True:
            try:
                with rounds.session:
                    function = self._call(rounds.session, given)
                    if not rounds.session.finished and not rounds.answered():
                        try:
                            rounds.session.result = function()
                        except Exception as error:
                            rounds.failed(error)
                            raise
                return
            except Rewind as rewind:
                sleep(rewind.wait)
                rounds.again(rewind)


class AsyncWorkflow(_Recorded[P, R]):
    """A workflow that is an async function: `await` the call, and `start`."""

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if _context.frame() is None or self._id is not None:
            with leaving(self._id):
                handle = await self.start(*args, **kwargs)
                return await handle.aresult()
        value: R = await _record.acall(*self._nested(args, kwargs))
        return value

    async def start(self, *args: P.args, **kwargs: P.kwargs) -> Execution[R]:
        """Runs to the end and returns the handle; what the function raises is raised here.

        An id that exists already is resumed where it stopped; when it has ended nothing runs. An
        execution that needs an answer ends early, with the status `waiting`.
        """
        given = self._given(args, kwargs)
        id = self._id or _record.call(*self._naming(given))
        handle: Execution[R] = Execution(await off_loop(config.store), id, self)
        with leaving(id):
            await self._run(self._session(handle, given), given)
        return handle

    def resume(self, handle: Execution[R]) -> None:
        refuse_loop("handle.aresume()")
        from asyncio import run

        run(self.aresume(handle))

    async def aresume(self, handle: Execution[R]) -> None:
        await self._run(self._session(handle, None), None)

    def replay(self, handle: Execution[R]) -> ReplayReport:
        refuse_loop("handle.areplay()")
        from asyncio import run

        return run(self.areplay(handle))

    async def areplay(self, handle: Execution[R]) -> ReplayReport:
        session = self._session(handle, None, replay=True)
        failure: Exception | None = None
        try:
            await self._run(session, None)
        except Exception as error:  # noqa: BLE001  # The report says what it means.
            failure = error
        return await off_loop(report, session, handle.known(), failure)

    async def _run(self, session: Session[R], given: BoundArguments | None) -> None:
        import asyncio

        rounds = Rounds(session, self.name, self._recovery)
        await asyncio.sleep(await off_loop(rounds.left))
        while True:
            try:
                async with rounds.session:
                    function = await off_loop(self._call, rounds.session, given)
                    if not rounds.session.finished and not await off_loop(rounds.answered):
                        try:
                            rounds.session.result = await function()
                        except Exception as error:
                            await off_loop(rounds.failed, error)
                            raise
                return
            except Rewind as rewind:
                await asyncio.sleep(rewind.wait)
                await off_loop(served_by, asyncio.get_running_loop(), rounds.again, rewind)


@overload
def workflow(  # type: ignore[overload-overlap]  # A coroutine function is also a Callable: the first match counts.
    function: Callable[P, Coroutine[Any, Any, R]], /
) -> AsyncWorkflow[P, R]: ...
@overload
def workflow(function: Callable[P, R], /) -> Workflow[P, R]: ...
@overload
def workflow(
    *,
    name: str | None = None,
    version: str | None = None,
    preconditions: Sequence[Condition] = (),
    postconditions: Sequence[Condition] = (),
    recovery: Recovery | Sequence[str] | None = None,
    detect: Detect | None = None,
    codec: Codec | None = None,
) -> _Decorator: ...
def workflow(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    version: str | None = None,
    preconditions: Sequence[Condition] = (),
    postconditions: Sequence[Condition] = (),
    recovery: Recovery | Sequence[str] | None = None,
    detect: Detect | None = None,
    codec: Codec | None = None,
) -> Any:
    """Makes a function, plain or async, a workflow: each call is an execution that survives its process.

    The name finds the code again and must stay the same while executions are unfinished. A changed
    `version` says that the code cannot continue what another version began. Conditions are those of a
    step; `recovery` is for whatever fails in it and is not dealt with by a step's own. `detect`
    says when its executions are taken to be stuck; None: as `omium.init` was told.
    """
    policy = parse(recovery)
    limits = None if detect is None else checked(detect)

    def decorate(function: Callable[..., Any]) -> Any:
        kind = AsyncWorkflow if _arguments.is_async(function) else Workflow
        checks = Checks.of(function, name, preconditions=preconditions, postconditions=postconditions)
        made: Any = kind(function, name, version, codec, checks, policy, limits)
        _registry.add(made)
        return made

    return decorate if function is None else decorate(function)


class _Decorator(Protocol):
    @overload
    def __call__(  # type: ignore[overload-overlap]  # As above.
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncWorkflow[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Workflow[P, R]: ...
