"""One model call in an execution: its place in the record, its budget, its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium import _omium, _redact, codec
from omium.runtime import _context
from omium.runtime._behind import on_record
from omium.runtime._cancelled import CANCELLED
from omium.runtime._live import describe
from omium.runtime._place import Place
from omium.wire import answer, meter, nearest, parts, secrets
from omium.wire.turns import turn
from omium.wire.watch import Watch, framing_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from omium.exceptions import Divergence
    from omium.runtime._context import Beside, Frame, Owner
    from omium.wire.answer import Answer
    from omium.wire.request import ModelCall
    from omium.wire.turns import Turn

__all__ = ["Exchange", "begin"]


class Exchange(Place):
    """The claim of one model call. `recorded` is its answer, or a failure the code went on from."""

    __slots__ = ("_counted", "_instead", "_turn", "call")

    def __init__(self, frame: Frame, call: ModelCall) -> None:
        self.call = call
        self._counted: dict[str, int] = {}
        self._instead: _omium.Entry | None = None
        self._turn: Turn | None = None
        super().__init__(frame, "llm", call.name, call.inputs)

    @property
    def recorded(self) -> _omium.Entry | None:
        return self._instead or super().recorded

    def stands_for(self, entry: _omium.Entry) -> None:
        """Is answered with what is on record after its own entry."""
        self._instead = entry

    def afford(self, *, stream: bool) -> None:
        """Waits for calls under way that may use up the budget; refuses one that it does not cover."""
        self._turn = turn(self.run, "stream" if stream else "plain")
        if self._turn is not None:
            self._turn.wait()
        self._refuse()
        self._begins(stream)

    async def aafford(self, *, stream: bool) -> None:
        """`afford` for async code."""
        self._turn = turn(self.run, "stream" if stream else "async")
        if self._turn is not None:
            await self._turn.await_()
        self._refuse()
        self._begins(stream)

    def _begins(self, stream: bool) -> None:
        # A stream ends when the program reads it, which may be never.
        if not stream:
            self.begins()

    def _refuse(self) -> None:
        """Refuses what the budget does not cover, or what could not be counted."""
        self.run.check()
        self.run.afford()
        budget = self.run.budget
        if budget is None:
            return
        if not self.call.meters:
            self.run.refuse(
                "a budget cannot be kept: this stream would not say what it used; "
                'ask for it with stream_options={"include_usage": True}'
            )
        if budget.usd is not None and not meter.priced(self.call.model):
            self.run.refuse(
                f"budget_usd cannot be kept: no price is known for {self.call.model!r}; "
                "give it with omium.init(prices=...), or use budget_tokens"
            )

    def leave(self) -> None:
        super().leave()
        self._end()

    def _end(self, used: Mapping[str, int] | None = None) -> None:
        if self._turn is not None:
            self._turn.end(used)

    def watch(self, status: int, content_type: str) -> Watch:
        """What follows the body of a response; that of a refusal comes whole."""
        framing = framing_of(content_type, asked=self.call.stream) if status < 300 else "whole"
        return Watch(self.call.shape, framing)

    def mark(self, response: Any, seq: int, *, replayed: bool) -> None:
        """Says on a response what it is in the record: `response.extensions["omium"]`."""
        response.extensions["omium"] = {"execution": self.run.native.id, "seq": seq, "replayed": replayed}

    def keep(self, response: Any, chunks: Sequence[bytes], watch: Watch, broken: BaseException | None = None) -> None:
        """Records what came: an answer when it is whole, else an attempt, which answers nobody. Blocks on the disk.

        `broken` is why nothing more came, where that is not the provider's doing.
        """
        if not self._open_or_left():
            return
        problem = self._problem(response, watch, broken)
        counted, remarks = meter.counters((watch.model, self.call.model), watch.tokens)
        counted["latency_ms"] = self.elapsed_ms()
        told = {"model": watch.model or self.call.model, "stream": self.call.stream}
        total, before = counted, self._counted
        counted = {name: n - before.get(name, 0) for name, n in total.items() if n != before.get(name)}
        if problem is None:
            kept = codec.dumps(answer.answer(response, chunks).plain())
            self.commit(kept, usage=counted, meta=codec.dumps({**told, **remarks}))
            self.mark(response, self.entry, replayed=False)
            self._end(counted)
            return
        ending = None if broken is None else _why(broken)
        if isinstance(broken, parts.Beginning):
            told[parts.READ] = broken.how
        self._attempt(
            response.request,
            problem,
            answer.answer(response, chunks, ending),
            usage=None if watch.tokens is None else counted,
            meta=codec.dumps(told),
        )
        if watch.tokens is not None:
            self._counted = total
        # An SDK makes an exception of the response; when that ends the run, this entry is what ended it.
        self.mark(response, self.entry, replayed=False)
        if told.get(parts.READ) == "part":
            return  # It ends nothing.
        on_record(response, self.entry)
        if broken is not None:
            on_record(broken, self.entry)

    def lost(self, request: Any, error: BaseException) -> None:
        """Records an attempt that got no answer at all. Blocks on the disk."""
        if self._open_or_left():
            why = _why(error)
            refused = answer.refused(error)
            kept = answer.failure(request, why) if refused is None else answer.answer(refused, [refused.content], why)
            self._attempt(request, why, kept)
            on_record(error, self.entry)

    def _attempt(self, request: Any, problem: str, kept: Answer, **more: Any) -> None:
        # Error messages of providers tend to repeat what they were sent.
        told = _redact.text(secrets.scrub(problem, secrets.of(request))).encode("utf-8", "backslashreplace").decode()
        self.fail(told, codec.dumps(kept.plain()), **more)
        self._end(more.get("usage"))

    def move(self) -> None:
        """Moves the strand to the entry that was written."""
        if self.entry:
            self.arrive(self.entry)

    def _open_or_left(self) -> bool:
        """False when the execution is over, as for a stream that is closed late: then nothing can be written.

        What was under way when another call was refused is still recorded: it is paid for.
        """
        if not self.is_open:
            self.leave()
            return False
        return True

    def stored(self, entry: _omium.Entry) -> Answer:
        """The recorded answer. Blocks on the disk."""
        value = entry.value
        with self.reading():
            return answer.recorded({} if value is None else codec.loads(value.codec, value.read()))

    def arrive(self, seq: int) -> None:
        """Moves the strand that asked. A stream may be read by another one, or inside a step: then nothing moves."""
        if self._is_here():
            here = _context.current.get()
            open_still = () if here is None else tuple(each for each in here.beside if each.open)
            super().arrive(seq)
            _context.current.set(self._frame._replace(prev=seq, owner=self._owner, beside=open_still))

    def depart(self, *stream: Beside) -> None:
        """Has what the strand does until the stream ends go beside it: it is recorded earlier than the rest of it."""
        if self._is_here():
            beside = (*(each for each in self._frame.beside if each.open), *stream)
            _context.current.set(self._frame._replace(owner=_context.NOBODY, beside=beside))

    def _is_here(self) -> bool:
        here = _context.frame()
        asked = self._frame
        same = here is not None and (here.run, here.scope) == (asked.run, asked.scope)
        return same and _context.strand() == self._owner

    def after(self, failed: _omium.Entry) -> Exchange:
        """The same call once more, after an attempt."""
        return self._after(failed.seq)

    def _after(self, seq: int) -> Exchange:
        return Exchange(self._frame._replace(prev=seq, owner=_context.strand()), self.call)

    def onward(self) -> Exchange:
        """The place of the rest of the same stream, after the beginning that is recorded here."""
        more = self._after(self.entry)
        more.goes_on(self._owner, self._started, self._counted)
        return more

    def goes_on(self, owner: Owner, started: int, counted: dict[str, int]) -> None:
        """Is the same call as before: its strand, when it began, and what was counted of it."""
        self._owner, self._started, self._counted = owner, started, counted

    def _explain(self, error: Divergence, name: str) -> Divergence:
        return nearest.explain(error, self._frame, name, self._input)

    def _problem(self, response: Any, watch: Watch, broken: BaseException | None) -> str | None:
        """Why this is no answer, as `Class: message`."""
        if not response.is_success:
            return f"HTTPStatusError: {response.status_code} {watch.said or response.reason_phrase}"
        if watch.progress == "whole":
            return None
        return _why(broken) if broken is not None else f"IncompleteAnswer: {watch.problem}"


def _why(error: BaseException) -> str:
    # Of what is no Exception only a cancellation is recorded at all.
    return describe(error) if isinstance(error, Exception) else CANCELLED


def begin(frame: Frame, call: ModelCall) -> Exchange:
    """Claims the place of a call.

    Attempts that failed and were tried again at once are passed over: what counts is how it ended. A
    failure after which the code did something else is answered, for what it did depends on it.
    """
    exchange = Exchange(frame, call)
    onwards: dict[int, _omium.Entry] | None = None
    while True:
        entry = exchange.recorded
        if entry is None or entry.status != "failed":
            return exchange
        if parts.is_beginning(entry):
            if onwards is None:
                onwards = parts.onwards(entry, frame.run.store.entries(frame.run.native.id, after=entry.seq))
            onward = _read_on(exchange, entry, onwards)
            if onward is None:
                return exchange
            exchange = onward
        elif _tried_again(frame, entry):
            exchange = exchange.after(entry)
        else:
            return exchange


def _read_on(exchange: Exchange, entry: _omium.Entry, onwards: Mapping[int, _omium.Entry]) -> Exchange | None:
    """The place of what is on record of the same stream after a beginning of it; None when that is all.

    What was recorded last before the process died has nothing after it, so the cursor takes it for a failure that ended
    the run. But what stands beside the beginning was done on the strength of it.
    """
    following = onwards.get(entry.seq)
    if following is None:
        return None
    more = exchange.after(entry)
    if more.recorded is not None or not parts.is_beginning(following):
        return more
    more.leave()
    while following is not None and parts.is_beginning(following):
        exchange.stands_for(following)
        following = onwards.get(following.seq)
    return None


def _tried_again(frame: Frame, failed: _omium.Entry) -> bool:
    """Whether the strand's next entry after a failure is the same call, and so on until one that did not fail."""
    run = frame.run
    later = [entry for entry in run.store.entries(run.native.id, after=failed.seq) if not entry.spawned]
    tries = 0
    while True:
        following = [entry for entry in later if entry.prev == failed.seq and entry.scope == failed.scope]
        if not following:
            # The process died between two tries; there is nothing to answer the last one with.
            return tries > 0 and run.native.mode == "live"
        if following[-1].key != failed.key:
            return False
        if following[-1].status == "done":
            return True
        failed, tries = following[-1], tries + 1
