"""A place in the record, held by one piece of running code from its claim to its commit."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from omium import _omium, codec
from omium.exceptions import Divergence, OmiumError, PostconditionFailed, RecordedFailure, StepTimeout
from omium.recovery import _decisions, _failure
from omium.runtime import _boundary, _changed, _ends, _events
from omium.runtime._alike import identified
from omium.runtime._behind import chained, on_record
from omium.runtime._cancelled import CANCELLED
from omium.runtime._context import Frame, current, strand
from omium.runtime._finished import of_finished
from omium.runtime._live import describe, is_abort
from omium.runtime._under_way import UnderWay
from omium.runtime._worker import off_loop
from omium.view import _differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from omium.recovery._failure import Failure
    from omium.recovery._policy import Recovery
    from omium.runtime._code import Code
    from omium.runtime._live import LiveRun

__all__ = ["Place"]

T = TypeVar("T")


class Place:
    """One claim. Ends with `commit`, `fail` or `leave`; the last is harmless after the others."""

    __slots__ = (
        "__weakref__",
        "_claim",
        "_code",
        "_codec",
        "_frame",
        "_given",
        "_input",
        "_kind",
        "_other",
        "_owner",
        "_settled",
        "_started",
        "_under_way",
        "decided",
        "entry",
        "since",
        "tried",
    )

    def __init__(
        self,
        frame: Frame,
        kind: _omium.Kind,
        name: str,
        inputs: Mapping[str, Any],
        codec_name: str | None = None,
        code: Code | None = None,
    ) -> None:
        run = frame.run
        run.check()
        run.claims += 1
        _ends.goes_on()
        scope, again = _ground(frame.scope) if kind == "effect" else (frame.scope, False)
        if frame.limit is not None and frame.limit.passed():
            raise StepTimeout("the step around this call timed out: nothing more of it is recorded")
        self._frame = frame
        self._kind = kind
        self._owner = strand()
        self._codec = codec_name or run.codec
        self._given, self._input, digest = identified(run, kind, scope, name, inputs)
        self._started = time.monotonic_ns()
        self.since = frame.since
        """The seq at which an earlier try of it, or of the code around it, had failed."""
        self.tried = 0
        """Of an effect: its failure in an earlier attempt of the code around it, and an earlier run."""
        self._claim = self._take(
            scope, name, digest, spawned=again or frame.host is not None or self._owner != frame.owner
        )
        self.since = max(self.since, run.answered_failures.get(self.address, 0))
        self._other: _omium.Entry | None = None
        if run.trial is not None and self._claim.recorded is None:
            try:
                self._other = run.trial.answer(kind, self._claim)
            except OmiumError as refused:
                run.abort(refused)
                raise
        self._settled = self.recorded is not None
        self._under_way: UnderWay | None = None
        # Before the body, which may change what it uses.
        self._code = None if self._settled or code is None else code.fingerprint()
        if run.watch is not None:
            run.watch.began(self)
        self.entry = 0
        """The entry that was written; 0: none was."""
        self.decided: dict[str, Any] | None = None
        """What the recovery policy decided about the failure recorded here."""
        self._found()

    def _found(self) -> None:
        """Tells whether the record has it; a replay answers everything, and tells nobody."""
        answer, run = self.recorded, self.run
        self._reach("claimed" if answer is None else "answered")
        if answer is None:
            run.answered.goes_live(run)
        elif run.native.mode == "live":
            run.answered.add(self._kind)
            if _events.hears():
                _events.entry(
                    run,
                    answer.seq,
                    answer.name,
                    self._kind,
                    answer.status,
                    duration_ms=answer.duration_ms,
                    usage=answer.usage,
                    error=answer.error,
                    from_record=True,
                )

    def _tell(self, status: str, usage: Mapping[str, int] | None, error: str | None = None) -> None:
        """Tells of the entry that was written."""
        if _events.hears():
            name, took = self._claim.name, self.elapsed_ms()
            _events.entry(self.run, self.entry, name, self._kind, status, duration_ms=took, usage=usage, error=error)

    def _take(self, scope: str, name: str, digest: bytes, *, spawned: bool) -> _omium.Claim:
        run, frame = self._frame.run, self._frame
        run.turns.asks(scope)
        try:
            while True:
                claim = run.native.claim(self._kind, scope, name, digest, prev=frame.prev, spawned=spawned)
                recorded = claim.recorded
                if recorded is None:
                    run.turns.has_asked(scope)
                    return claim
                run.turns.asked(scope)
                if self._kind != "effect" or recorded.status != "failed" or recorded.seq > frame.since:
                    return claim
                self.tried = recorded.seq
        except Divergence as error:
            run.turns.has_asked(scope)
            with self.reading():
                readable = of_finished(run, self._explain(error, name))
            run.abort(readable)
            raise readable from None
        except OmiumError as error:
            run.turns.has_asked(scope)
            self.aborts(error)
            raise

    def _reach(self, moment: _boundary.Moment) -> None:
        if _boundary.watcher is None:
            return
        claim = self._claim
        execution = self._frame.run.native.id
        _boundary.reach(moment, self._kind, execution, claim.scope, claim.name, claim.key, claim.occurrence)

    def _explain(self, error: Divergence, name: str) -> Divergence:
        """The native error as a reader needs it."""
        return _readable(error, self._frame, name, self._input, self._told_apart_by)

    def _told_apart_by(self, _entry: _omium.Entry, _argument: str) -> bool:
        """Whether that argument on record tells the entry from others of its name."""
        return True

    @property
    def recorded(self) -> _omium.Entry | None:
        """The entry that answers, when there is one: then the body must not run."""
        return self._claim.recorded or self._other

    @property
    def run(self) -> LiveRun:
        return self._frame.run

    @property
    def kind(self) -> _omium.Kind:
        return self._kind

    @property
    def name(self) -> str:
        return self._claim.name

    @property
    def scope(self) -> str:
        """Where the code stands that called it, the attempt included."""
        return self._frame.scope

    @property
    def claim(self) -> _omium.Claim:
        return self._claim

    @property
    def path(self) -> str:
        """The scope of whatever it calls."""
        return self._claim.path

    @property
    def is_open(self) -> bool:
        """Whether an outcome can be recorded: there is none, and the run goes on."""
        return not self._settled and self.run.is_open

    def elapsed_ms(self) -> int:
        """Since the claim, whatever the clock was set to meanwhile."""
        return (time.monotonic_ns() - self._started) // 1_000_000

    @property
    def codec_name(self) -> str:
        """The name of the codec values are encoded with."""
        return self._codec

    @property
    def intent(self) -> _omium.Entry | None:
        """What began here and left no receipt: nobody knows whether it happened."""
        return self._claim.intent

    def intend(self, meta: codec.Blob | None = None, *, given: codec.Blob | None = None) -> int:
        """Records that the body is about to run (I9); what follows is its receipt. Blocks on the disk.

        `given` stands for the inputs when those identify the call but are not all of it.
        """
        self._beside_first()
        run = self._frame.run
        try:
            seq = run.native.intend(self._claim, input=given or ("msgpack", self._input), meta=meta)
        except OmiumError as error:
            run.abort(error)
            raise
        self._reach("intended")
        return seq

    @property
    def address(self) -> tuple[str, str, int]:
        """Scope, key and occurrence: what the execution knows it by."""
        return self._claim.scope, self._claim.key, self._claim.occurrence

    def inside(self, attempt: int = 1, failure: Failure | None = None) -> Frame:
        """The frame for the body, which is told what `failure` it is to repair.

        Each attempt has a scope of its own, so that what an earlier one recorded inside is not handed
        to the next: a retry asks the model again. Effects are the exception: what one attempt did
        outside the next must not do again, so they stay in the scope of the first. The same holds when the
        code itself calls again what had failed.
        """
        ground, again = _ground(self._claim.path)
        if again or attempt > 1:
            self._frame.run.native.restart(ground)
        self._reach("body")
        path = self._claim.path if attempt == 1 else f"{self._claim.path}:{attempt}"
        why = failure or self._frame.run.repair(self._claim.name) or self._frame.failure
        return self._frame._replace(scope=path, owner=self._owner, kind=self._kind, failure=why, since=self.since)

    def begins(self) -> None:
        """Its body runs now, and is waited for when the run ends beside it."""
        if self._under_way is None:
            self._under_way = UnderWay(self.run, self.path)

    def arrive(self, seq: int) -> None:
        """Moves the caller's strand to the entry just written, or to the one that answers.

        Answers out of order do not take it back: what follows on the strand was recorded after all it has come by.
        """
        current.set(self._frame._replace(prev=max(self._frame.prev, seq), owner=self._owner))

    def answer(self, entry: _omium.Entry) -> Any:
        """The recorded value; a recorded failure is raised again."""
        return _given(*self._outcome(entry))

    async def aanswer(self, entry: _omium.Entry) -> Any:
        """`answer` for async code."""
        return _given(*await off_loop(self._outcome, entry))

    def _outcome(self, entry: _omium.Entry) -> tuple[Any, BaseException | None]:
        loaded, decided = self._read(entry)
        if entry.status != "failed":
            refused = _failure.of_entry(entry) if self._kind == "effect" else None
            if refused is None:
                return loaded, None
            self.decided = decided
            return None, PostconditionFailed(
                refused.message, step=entry.name, condition=refused.condition, path=refused.path
            )
        self.run.answered_failures[self.address] = entry.seq
        failure = loaded if isinstance(loaded, BaseException) else RecordedFailure(entry.error or "")
        on_record(failure, entry.seq)
        self.decided = decided
        return None, failure

    def _read(self, entry: _omium.Entry) -> tuple[Any, dict[str, Any] | None]:
        """The recorded value, and what was decided about a failure."""
        value, decides = entry.value, entry.status == "failed" or self._kind == "effect"
        with self.reading():
            allowed = self._codec == "pickle"
            loaded = None if value is None else codec.loads(value.codec, value.read(), allow_pickle=allowed)
            return loaded, _failure.decision(entry) if decides else None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What is on record here and is damaged ends the run: code that catches that would go on without it."""
        try:
            yield
        except OmiumError as error:
            self.aborts(error)
            raise

    def encode(self, value: Any) -> codec.Blob:
        return codec.dumps(value, self._codec)

    def compare(self) -> None:
        """After the body: warns when it changed its arguments in place, or raises PostconditionFailed."""
        found = self._find_changed()
        if found is None:
            return
        if _changed.reaction() == "error":
            raise found
        _changed.tell(found)

    def compare_failed(self, error: Exception) -> None:
        """The same after a body that failed, and whose failure counts."""
        found = None if _changed.is_told(error) else self._find_changed()
        if found is not None:
            with suppress(PostconditionFailed):
                _changed.tell(found)

    def _find_changed(self) -> PostconditionFailed | None:
        return _changed.find(self.name, self._input, self._given) if _changed.worth_a_look(self._given) else None

    def hold(self, value: T) -> tuple[codec.Blob, T]:
        """What is recorded of a value, and the value that whoever called gets: that which a resume will answer."""
        blob: codec.Blob
        kept: T
        blob, kept = codec.recorded(value, self._codec)
        return blob, kept

    def commit(
        self,
        value: codec.Blob,
        attempts: int = 1,
        *,
        usage: Mapping[str, int] | None = None,
        meta: codec.Blob | None = None,
    ) -> int:
        """Records the outcome; it is acknowledged when this returns. Blocks on the disk."""
        self._beside_first()
        self._settle()
        self._reach("done")
        run = self._frame.run
        try:
            seq = run.native.commit(
                self._claim,
                value,
                input=("msgpack", self._input),
                meta=meta or self._remarks(),
                usage=None if usage is None else dict(usage),
                attempts=attempts,
                started_ms=time.time_ns() // 1_000_000 - self.elapsed_ms(),
            )
        except OmiumError as error:
            run.abort(error)
            raise
        finally:
            self._over()
        self.entry = seq
        self._reach("recorded")
        self._tell("done", usage)
        run.repaired(self._claim.name)
        return seq

    def give_up(self, error: Exception, attempts: int, policy: Recovery | None) -> int:
        """Records a failure together with what the policy does about it. Blocks on the disk."""
        failure = _failure.of(error, self._kind)
        self.decided = _decisions.decide(policy, self._frame.run, self._claim.name, error, failure, kind=self._kind)
        meta = self._remarks(_failure.record(failure, self.decided))
        return self.fail(error, codec.dumps_failure(error), attempts, meta=meta)

    def commit_refused(self, value: codec.Blob, error: Exception, attempts: int, policy: Recovery | None) -> int:
        """Records the receipt of an effect that happened and failed a postcondition. Blocks on the disk."""
        failure = _failure.of(error)
        run, name = self._frame.run, self._claim.name
        self.decided = _decisions.decide(policy, run, name, error, failure, kind=self._kind, again=False)
        return self.commit(value, attempts, meta=self._remarks(_failure.record(failure, self.decided)))

    def fail(
        self,
        error: Exception | str,
        value: codec.Blob,
        attempts: int = 1,
        *,
        usage: Mapping[str, int] | None = None,
        meta: codec.Blob | None = None,
    ) -> int:
        """Records a failure, for code that handles it and goes on. Blocks on the disk."""
        self._beside_first()
        self._settled = True
        if meta is None and isinstance(error, Exception):
            meta = self._remarks(_failure.record(_failure.of(error, self._kind)))
        self._reach("done")
        run = self._frame.run
        try:
            seq = run.native.fail(
                self._claim,
                error if isinstance(error, str) else describe(error),
                value=value,
                input=("msgpack", self._input),
                meta=meta,
                usage=None if usage is None else dict(usage),
                attempts=attempts,
                started_ms=time.time_ns() // 1_000_000 - self.elapsed_ms(),
            )
        except OmiumError as trouble:
            run.abort(trouble)
            raise
        finally:
            self._over()
        self.entry = seq
        if isinstance(error, Exception):
            on_record(error, seq)
        elif error == CANCELLED:
            run.cancelled[seq] = run.claims
        self._reach("failed")
        self._tell("failed", usage, error if isinstance(error, str) else type(error).__qualname__)
        return seq

    def _beside_first(self) -> None:
        """What was handed on beside it may be why it was done: it is recorded earlier."""
        for each in self._frame.beside:
            each.so_far()

    def _remarks(self, remarks: Mapping[str, Any] | None = None) -> codec.Blob | None:
        """The meta of the entry: what is to be known of it, and which code made it."""
        code = {} if self._code is None else {"code": self._code}
        whole = {**(remarks or {}), **code, **self._frame.run.introduction()}
        return codec.dumps(whole) if whole else None

    def aborts(self, error: Exception) -> bool:
        """Whether the error ends the whole execution; then nothing is recorded of it.

        What a framework made of such an error does, too.
        """
        if is_abort(error):
            self._frame.run.abort(error)
        # After the end what the code is told is that it came too late, which is no failure of its own.
        return self._frame.run.aborted is not None or self._frame.run.ended

    def leave(self) -> None:
        """Gives the place back unless its outcome was recorded."""
        if not self._settled:
            self._settle()
            self._frame.run.native.abandon(self._claim)
        self._over()

    def withdraw(self) -> None:
        """Gives back even a place with a recorded answer: the code did not wait for it, and may ask again."""
        self._settled = False
        self.leave()

    def pauses(self, seconds: float) -> None:
        """It waits so long before its next attempt, and is not stuck."""
        self._over()
        if self.run.watch is not None:
            self.run.watch.pauses(seconds)

    def _over(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.end()

    def _settle(self) -> None:
        self._settled = True
        if self.run.watch is not None:
            self.run.watch.ended(self)


_ATTEMPT = re.compile(r"(#\d+)(?:~\d+)?(?::\d+)?(?=/|$)")


def _given(value: Any, failure: BaseException | None) -> Any:
    if failure is None:
        return value
    with chained(failure):
        raise failure


def _ground(scope: str) -> tuple[str, bool]:
    """The scope without the tries and attempts around it, and whether it was another than the first."""
    ground = _ATTEMPT.sub(r"\1", scope)
    return ground, ground != scope


def _readable(
    error: Divergence,
    frame: Frame,
    name: str,
    found: bytes,
    counts: Callable[[_omium.Entry, str], bool],
) -> Divergence:
    """The native error with the difference between the recorded input and the present one."""
    run = frame.run
    what, *hint = str(error).split("\n")
    lines: list[str] = []
    if error.seq is not None:
        entry = run.store.entry(run.native.id, error.seq)
        if entry.name == name and entry.input is not None:
            recorded = entry.input.codec, entry.input.read()
            lines = _differences.lines(recorded, ("msgpack", found), partial(counts, entry))
    return Divergence(
        "\n".join([what, *lines, *hint]),
        execution=run.native.id,
        seq=error.seq,
        expected=error.expected,
        found=error.found,
        diff=lines,
    )
