"""How an effect acts at its place: settle what is in doubt, intent, body, receipt.

claim -> recorded? answer -> in doubt? settle -> intent (I9) -> body (attempts) -> receipt
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from omium.effects import _doubt, _intent
from omium.effects._given import Given
from omium.effects._intent import Note
from omium.exceptions import Divergence, OmiumError, PostconditionFailed, PreconditionFailed, StepTimeout
from omium.recovery import failure_of
from omium.runtime import _arguments, _cancelled, _context, _events, _registry
from omium.runtime._arguments import Parameters
from omium.runtime._attempts import Attempts
from omium.runtime._code import Code
from omium.runtime._course import Body, Disk, Failure, Sleep, Write
from omium.runtime._live import is_abort
from omium.runtime._worker import is_cancellation

if TYPE_CHECKING:
    from collections.abc import Callable

    from omium.checks import Checks
    from omium.runtime._arguments import Key
    from omium.runtime._course import Course
    from omium.runtime._place import Place
    from omium.runtime._record import Policy

__all__ = ["Effect", "course"]


class Effect:
    """What the decorator was told about a function."""

    def __init__(
        self,
        function: Callable[..., Any],
        name: str | None,
        key: Key | None,
        policy: Policy,
        checks: Checks,
        probe: Callable[..., Any] | None,
        undo: Callable[..., Any] | None,
        in_doubt: str | None,
    ) -> None:
        self.function = function
        self.name = _arguments.label(function, name)
        self.is_async = _arguments.is_async(function)
        self.parameters = Parameters(function, key)
        self.policy = policy
        self.checks = checks
        self.probe = probe
        self.undo = undo
        self.in_doubt = _doubt.parse(in_doubt, probe)
        self.code = Code(function, checks.conditions)
        self.source = _registry.source_of(function)
        self.suited = False
        """Whether its probe and undo are known to take what they are given."""


def course(effect: Effect, place: Place, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Course:
    """Everything up to the receipt. Ends with the effect's value, or with the failure of its body."""
    trial = _Trial(effect, place, args, kwargs)
    try:
        receipt = yield from trial.settle()
        if receipt is not None:
            return (yield from trial.commit(receipt))
        refused = yield from trial.refused()
        if refused is not None:
            return refused
        yield from trial.intend()
        return (yield from trial.attempts())
    except Exception as error:
        place.aborts(error)
        raise


class _Trial:
    """One effect on its way to a receipt."""

    def __init__(self, effect: Effect, place: Place, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.effect = effect
        self.place = place
        self.run = place.run
        self.given = Given.of(effect.name, effect.parameters, args, kwargs)
        self.call = partial(effect.function, *args, **kwargs)
        self.key = ""
        self.seq = 0
        """The intent under which the body runs; 0 before it is written."""
        self._anew = False
        """Whether the record is of another effect at this place: a fork's original, or one that was rolled back."""

    def settle(self) -> Course:
        """What an earlier intent came to: the receipt of what happened, or None when the body is to run."""
        intent = self.place.intent
        if intent is None:
            return (yield from self._tried()) if self.place.tried else None
        if self.run.native.mode == "record":
            raise Divergence(
                f"the record has {self.effect.name} begun at @{intent.seq} and no receipt: it ends there",
                execution=self.run.native.id,
            )
        doubt = yield Disk(partial(self.run.native.doubt, intent))
        if doubt == "anew":
            self._anew = True
            return None
        note = _intent.read(intent)
        self.key = note.key
        if note.cleared:
            return None
        return (yield from self._in_doubt(intent.seq, taken=doubt == "taken"))

    def _tried(self) -> Course:
        """The receipt of one that failed in an earlier attempt and run: this attempt tries it again."""
        run = self.run.native
        if run.mode == "record":
            return None
        note = yield Disk(partial(_intent.begun, self.run.store.entries(run.id), self.place.address, self.place.tried))
        self.key = note.key
        if self.effect.probe is None:
            return None
        receipt = yield from self._probe(self.effect.probe, self.place.tried)
        if receipt is None and note.execution != run.id:
            self._begins_anew()
        return receipt

    def _begins_anew(self) -> None:
        """The original of this fork did not do it, so it is a new effect, under a key of its own."""
        self._anew = True
        self.key = ""

    def _in_doubt(self, intent: int, *, taken: bool) -> Course:
        own = self.run.begun.get(intent)
        if own is False and _cancelled.was_given_up(self.run, intent):
            # Nothing of it runs any more: nobody knows what it did, as after a crash.
            own = None
        if own is False:
            raise self._refusal(intent, "it is still running, or was given up in the middle", asking=False)
        policy = self.effect.in_doubt
        if own is None:
            _events.in_doubt(self.run, intent, self.effect.name, policy)
        probe = self.effect.probe
        if probe is not None and (own or policy == "probe"):
            receipt = yield from self._probe(probe, intent)
            if taken and receipt is None:
                self._begins_anew()
            elif receipt is not None or own is None:
                self.seq = intent
            return receipt
        if own:
            # The body failed in this very run and the code, or its retries, call it again.
            return None
        if policy != "retry":
            raise self._refusal(intent, "its run ended before it left a receipt")
        # A fork that acts says so itself, under the key its original's service may know.
        self.seq = 0 if taken else intent
        return None

    def refused(self) -> Course:
        """The failure of a precondition; None when the effect may begin, or has begun before."""
        checks = self.effect.checks
        if not checks.preconditions or self.key:
            return None
        before = checks.abefore if self.effect.is_async else checks.before
        try:
            yield Body(self.place.inside(), partial(before, self.given.arguments))
        except PreconditionFailed as error:
            give_up = partial(self.place.give_up, error, 1, self.effect.policy.recovery)
            self.place.arrive((yield Disk(give_up)))
            return Failure(error)
        return None

    def intend(self) -> Course:
        """Records that the body is about to run, unless it is the intent in doubt that is carried on."""
        if not self.seq:
            run, effect = self.run.native, self.effect
            self.key = self.key or _intent.key_of(run.id, run.epoch, self.place.address)
            if not effect.suited:
                self._suit()
            given, lost = self.given.recorded(self.place.codec_name)
            if effect.undo is not None:
                self.given.needs(effect.undo, lost, "undo")
            note = Note(
                self.key,
                run.id,
                run.epoch,
                source=effect.source,
                probe=effect.probe is not None,
                undo=effect.undo is not None,
                lost=lost,
                defaults=self.given.defaults or (),
            )
            # From the intent on: it would be in doubt without its body.
            self.place.begins()
            self.seq = yield Disk(partial(self.place.intend, note.blob(), given=given))
        self.run.begun[self.seq] = False

    def _suit(self) -> None:
        effect = self.effect
        if effect.probe is not None:
            self.given.suits(effect.probe, "probe", "idempotency_key")
        if effect.undo is not None:
            self.given.suits(effect.undo, "undo", "receipt", "idempotency_key")
        # With `*args` or `**kwargs` every call is another one.
        effect.suited = not effect.parameters.variadic

    def attempts(self) -> Course:
        """The body, as often as its retries allow. One the program stops waiting for is noted, and in doubt."""
        place = self.place
        try:
            return (yield from self._attempts())
        except BaseException as error:
            if is_cancellation(error) and self.run.is_open:
                # While its outcome was being recorded, or before there was one.
                yield Disk(partial(_cancelled.note, place, place.entry or self.seq))
                if place.entry:
                    place.arrive(place.entry)
            raise

    def _attempts(self) -> Course:
        effect, place = self.effect, self.place
        body = _intent.keyed(self.key, self.call)
        before = Attempts.known(place, effect.policy.retry)
        before = before.of_another() if self._anew else before
        failure, wait = before.failure, before.wait
        for attempt in count(before.made + 1):
            if wait:
                place.pauses(wait)
                yield Sleep(wait)
            place.begins()
            try:
                value = yield Body(place.inside(attempt, failure), body, effect.policy.timeout)
            except Exception as error:
                if is_abort(error) or self.run.ended:
                    raise
                if _context.is_stop(error):
                    # It may have acted before it stopped: the policy decides when it is run again.
                    self.run.begun.pop(self.seq, None)
                    raise
                receipt = yield from self._failed(error)
                if receipt is not None:
                    return (yield from self.commit(receipt, attempt))
                due = effect.policy.retry.wait(attempt, error, place.kind)
                if due is None:
                    place.compare_failed(error)
                    self.run.begun[self.seq] = True
                    yield Write(place, partial(place.give_up, error, attempt, effect.policy.recovery))
                    place.arrive(place.entry)
                    return Failure(error)
                wait, failure = due, failure_of(error)
                yield Disk(partial(before.again, place, attempt, failure, wait))
            else:
                return (yield from self.commit(value, attempt))
        raise AssertionError("count() does not end")

    def commit(self, value: Any, attempts: int = 1) -> Course:
        """Records the receipt. One that cannot be recorded leaves the effect in doubt.

        One that fails a postcondition is recorded with that failure: the effect did happen.
        """
        try:
            blob, kept = self.place.hold(value)
        except OmiumError as error:
            self.run.abort(error)
            raise
        checks = self.effect.checks
        try:
            self.place.compare()
            if checks.postconditions:
                after = checks.aafter if self.effect.is_async else checks.after
                yield Body(self.place.inside(), partial(after, value, self.given.arguments))
        except PostconditionFailed as error:
            commit = partial(self.place.commit_refused, blob, error, attempts, self.effect.policy.recovery)
            self.place.arrive((yield Disk(commit)))
            return Failure(error)
        yield Write(self.place, partial(self.place.commit, blob, attempts))
        self.place.arrive(self.place.entry)
        return kept

    def _failed(self, error: Exception) -> Course:
        """The receipt of a body that failed after all it had to do was done."""
        if isinstance(error, StepTimeout) and not self.effect.is_async:
            # Its thread is still there: what a probe says now may be wrong in a moment.
            if self.effect.in_doubt != "retry":
                raise self._refusal(self.seq, "it timed out, and its thread may still be acting") from error
            return None
        if self.effect.probe is None:
            return None
        return (yield from self._probe(self.effect.probe, self.seq))

    def _probe(self, probe: Callable[..., Any], intent: int) -> Course:
        return _doubt.probed(probe, self.given, self.key, intent, self.run.native.id)

    def _refusal(self, intent: int, why: str, *, asking: bool = True) -> OmiumError:
        policy = self.effect.in_doubt if asking else "fail"
        return _doubt.refusal(policy, self.effect.name, self.run.native.id, intent, why)
