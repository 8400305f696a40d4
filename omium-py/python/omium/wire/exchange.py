"""One model call in an execution: its place in the record, its budget, its answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from omium import _context, _omium, codec
from omium._live import describe, on_record
from omium._place import Place
from omium.wire import answer, meter, nearest, secrets
from omium.wire.watch import Watch, framing_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omium._context import Frame
    from omium.exceptions import Divergence
    from omium.wire.answer import Answer
    from omium.wire.request import ModelCall

__all__ = ["Exchange", "begin"]


class Exchange(Place):
    """The claim of one model call. `recorded` is its answer, or a failure the code went on from."""

    __slots__ = ("call", "entry")

    def __init__(self, frame: Frame, call: ModelCall) -> None:
        self.call = call
        self.entry = 0
        """The entry that was written; 0: none was."""
        super().__init__(frame, "llm", call.name, call.inputs)

    def afford(self) -> None:
        """Refuses a call that the budget does not cover, or that could not be counted."""
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

    def watch(self, status: int, content_type: str) -> Watch:
        """What follows the body of a response; that of a refusal comes whole."""
        framing = framing_of(content_type, asked=self.call.stream) if status < 300 else "whole"
        return Watch(self.call.shape, framing)

    def mark(self, response: Any, seq: int, *, replayed: bool) -> None:
        """Says on a response what it is in the record: `response.extensions["omium"]`."""
        response.extensions["omium"] = {"execution": self.run.native.id, "seq": seq, "replayed": replayed}

    def keep(self, response: Any, chunks: Sequence[bytes], watch: Watch, broken: Exception | str | None = None) -> None:
        """Records what came: an answer when it is whole, else an attempt, which answers nobody. Blocks on the disk.

        `broken` is why nothing more came, where that is not the provider's doing.
        """
        if self._closed():
            return
        problem = self._problem(response, watch, broken)
        counted, remarks = meter.counters((watch.model, self.call.model), watch.tokens)
        counted["latency_ms"] = time.time_ns() // 1_000_000 - self._started_ms
        told = {"model": watch.model or self.call.model, "stream": self.call.stream}
        if problem is None:
            kept = codec.dumps(answer.answer(response, chunks).plain())
            self.entry = self.commit(kept, usage=counted, meta=codec.dumps({**told, **remarks}))
            self.mark(response, self.entry, replayed=False)
            return
        # What a replay raises when the program reads on beyond it.
        ending = describe(broken) if isinstance(broken, Exception) else broken and f"ReadError: {broken}"
        self._attempt(
            response.request,
            problem,
            answer.answer(response, chunks, ending),
            usage=None if watch.tokens is None else counted,
            meta=codec.dumps(told),
        )
        # An SDK makes an exception of the response; when that ends the run, this entry is what ended it.
        self.mark(response, self.entry, replayed=False)
        on_record(response, self.entry)
        if isinstance(broken, Exception):
            on_record(broken, self.entry)

    def lost(self, request: Any, error: Exception) -> None:
        """Records an attempt that got no answer at all. Blocks on the disk."""
        if not self._closed():
            self._attempt(request, describe(error), answer.failure(request, describe(error)))
            on_record(error, self.entry)

    def _attempt(self, request: Any, problem: str, kept: Answer, **more: Any) -> None:
        # Error messages of providers tend to repeat what they were sent.
        told = secrets.scrub(problem, secrets.of(request))
        self.entry = self.fail(told, codec.dumps(kept.plain()), **more)

    def move(self) -> None:
        """Moves the strand to the entry that was written."""
        if self.entry:
            self.arrive(self.entry)

    def _closed(self) -> bool:
        """Whether the execution is over, as for a stream that is closed late: then nothing can be written."""
        over = self.run.ended or self.run.aborted is not None
        if over:
            self.leave()
        return over

    def stored(self, entry: _omium.Entry) -> Answer:
        """The recorded answer. Blocks on the disk."""
        value = entry.value
        return answer.recorded({} if value is None else codec.loads(value.codec, value.read()))

    def arrive(self, seq: int) -> None:
        """Moves the strand that asked. A stream may be read by another one, or inside a step: then nothing moves."""
        here = _context.frame()
        asked = self._frame
        same = here is not None and (here.run, here.scope) == (asked.run, asked.scope)
        if same and _context.strand() == self._owner:
            super().arrive(seq)

    def _explain(self, error: Divergence, name: str) -> Divergence:
        return nearest.explain(error, self._frame, name, self._input)

    def _problem(self, response: Any, watch: Watch, broken: Exception | str | None) -> str | None:
        """Why this is no answer, as `Class: message`."""
        if not response.is_success:
            return f"HTTPStatusError: {response.status_code} {watch.said or response.reason_phrase}"
        if watch.progress == "whole":
            return None
        return describe(broken) if isinstance(broken, Exception) else f"IncompleteAnswer: {watch.problem}"


def begin(frame: Frame, call: ModelCall) -> Exchange:
    """Claims the place of a call.

    Attempts that failed and were tried again at once are passed over: what counts is how it ended. A
    failure after which the code did something else is answered, for what it did depends on it.
    """
    while True:
        exchange = Exchange(frame, call)
        entry = exchange.recorded
        if entry is None or entry.status != "failed" or not _tried_again(frame, entry):
            return exchange
        frame = frame._replace(prev=entry.seq, owner=_context.strand())


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
