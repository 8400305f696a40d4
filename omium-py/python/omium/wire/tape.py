"""Streams: the one that is recorded as it passes, and the one that is played from the record.

A chunk is handed on as it comes. Only the one that completes the answer waits, until the answer is on
record: nobody may act on an answer that a crash could still lose.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from omium.runtime import _cancelled
from omium.runtime._worker import is_cancellation
from omium.wire import parts
from omium.wire.answer import STATUS_ERROR

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from omium import _omium
    from omium.wire.answer import Answer
    from omium.wire.exchange import Exchange
    from omium.wire.watch import Watch

__all__ = ["failure", "player", "recorder"]


class IncompleteAnswer(parts.Beginning):
    """The program did not read a stream to its end."""


class _Tape:
    """What has passed of one stream."""

    def __init__(self, exchange: Exchange, response: Any, watch: Watch) -> None:
        self._exchange = exchange
        self._response = response
        self._watch = watch
        self._chunks: list[bytes] = []
        self._kept = 0
        """How many of them are on record already."""
        self._lock = threading.Lock()
        self.open = True
        exchange.run.open.add(self.left)

    def add(self, chunk: bytes) -> bool:
        """Takes a chunk; whether it completes the answer, so that the record must be written first."""
        if self.open:
            self._chunks.append(chunk)
            self._watch.feed(chunk)
        return self.open and self._watch.settled

    @property
    def holds(self) -> bool:
        """Whether the last chunk may be the last one, and nothing in it says so."""
        return self.open and self._watch.may_be_over

    @property
    def told(self) -> bool:
        """Whether all that passed is on record as a beginning, so that leaving it there adds nothing."""
        return self._kept == len(self._chunks) and self._kept > 0

    def write(self) -> None:
        """Records the answer, or what there is of it. Blocks on the disk."""
        if self._shut():
            self._place().keep(self._response, self._complete(), self._watch)

    def end(self) -> None:
        """The same, at the end of the bytes."""
        self._watch.end()
        self.write()

    def broke(self, reason: BaseException) -> None:
        """The same, when nothing more comes for another reason."""
        if self._shut():
            self._watch.stop(str(reason))
            self._place().keep(self._response, self._complete(), self._watch, reason)

    def closed(self) -> None:
        """The same, when the program leaves."""
        if not self.told or not self._shut():
            self.broke(IncompleteAnswer("the program closed this stream here, before it ended", "closed"))

    def left(self) -> None:
        """The same, when the execution ends."""
        if not self.told or not self._shut():
            self.broke(IncompleteAnswer("the execution ended while this stream was open", "part"))

    def so_far(self) -> None:
        """Records what was handed on until now, before the program does something else. Blocks on the disk."""
        with self._lock:
            if not self.open or self._kept == len(self._chunks):
                return
            chunks = list(self._chunks)
            beginning = (
                "the program did something else here, and what came later was lost with its process: "
                "roll back to an entry before this one to ask anew"
            )
            self._place().keep(self._response, chunks, self._watch, IncompleteAnswer(beginning, "part"))
            self._kept = len(chunks)

    def move(self) -> None:
        self._exchange.move()

    async def recorded(self, write: Callable[..., None], *arguments: Any) -> None:
        await _cancelled.recorded(self._place(), write, *arguments)

    def _place(self) -> Exchange:
        """Where the next thing is recorded of it."""
        if self._exchange.entry:
            self._exchange = self._exchange.onward()
        return self._exchange

    def _shut(self) -> bool:
        """Whether it was open until now: its reader and the end of the execution may come together."""
        with self._lock:
            was, self.open = self.open, False
        self._exchange.run.open.discard(self.left)
        return was

    def _complete(self) -> list[bytes]:
        # The mark may come in one piece and the empty line after it in the next, which is not awaited.
        cut = self._watch.progress == "whole" and self._watch.framing == "events"
        ended = self._chunks and self._chunks[-1].endswith((b"\n\n", b"\r\n\r\n"))
        return [*self._chunks[:-1], self._chunks[-1] + b"\n\n"] if cut and not ended else self._chunks


class _Recorder:
    """The body of a response on its way to the client."""

    def __init__(self, tape: _Tape, source: Any, raw: Any) -> None:
        self._tape = tape
        self._source = source
        self._raw = raw

    @property
    def elapsed(self) -> Any:
        return getattr(self._raw, "elapsed", None)


class _SyncRecorder(_Recorder):
    def __iter__(self) -> Iterator[bytes]:
        tape, source = self._tape, iter(self._source)
        held: bytes | None = None
        while True:
            try:
                chunk = next(source, None)
            except Exception as error:
                if tape.open:
                    tape.broke(error)
                    tape.move()
                raise
            if chunk is None:
                break
            if held is not None:
                yield held
                held = None
            if tape.add(chunk):
                tape.write()
                tape.move()
            if tape.holds:
                held = chunk
            else:
                yield chunk
        if tape.open:
            tape.end()
            tape.move()
        if held is not None:
            yield held

    def close(self) -> None:
        try:
            if self._tape.open:
                self._tape.closed()
                self._tape.move()
        finally:
            self._raw.close()


class _AsyncRecorder(_Recorder):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        tape, source = self._tape, aiter(self._source)
        held: bytes | None = None
        while True:
            try:
                chunk = await anext(source, None)
            except BaseException as error:
                if tape.open and (isinstance(error, Exception) or is_cancellation(error)):
                    await tape.recorded(tape.broke, error)
                raise
            if chunk is None:
                break
            if held is not None:
                yield held
                held = None
            if tape.add(chunk):
                await tape.recorded(tape.write)
            if tape.holds:
                held = chunk
            else:
                yield chunk
        if tape.open:
            await tape.recorded(tape.end)
        if held is not None:
            yield held

    async def aclose(self) -> None:
        try:
            if self._tape.open and self._tape.told:
                self._tape.closed()
                self._tape.move()
            elif self._tape.open:
                await self._tape.recorded(self._tape.closed)
        finally:
            await self._raw.aclose()


class _Player:
    """A recorded body: the same chunks, and at the end what came then."""

    def __init__(self, library: Any, request: Any, exchange: Exchange, entry: _omium.Entry, kept: Answer) -> None:
        self._chunks = kept.pieces()
        self._error = None if kept.error is None else failure(library, request, kept)
        self._entry = entry
        self._exchange = exchange
        self._cancelled = _cancelled.is_cancelled(exchange.run, entry)
        self._seq: int | None = entry.seq

    def _arrive(self) -> None:
        # At the chunk before which it was recorded, so that what the code asks for next has the same past.
        if self._seq is not None:
            self._exchange.arrive(self._seq)
            self._seq = None

    def _play(self) -> Iterator[bytes]:
        for number, chunk in enumerate(self._chunks, 1):
            if number == len(self._chunks) and self._error is None:
                self._arrive()
            yield chunk
        self._arrive()


class _SyncPlayer(_Player):
    def __iter__(self) -> Iterator[bytes]:
        yield from self._play()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self._arrive()


class _AsyncPlayer(_Player):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number, chunk in enumerate(self._play(), 1):
            if self._cancelled and self._entry.status == "done" and number == len(self._chunks):
                # It was cancelled while the whole answer was being recorded, before its last chunk was handed on.
                await _cancelled.again(self._entry)
            yield chunk
        if self._cancelled and self._entry.status == "failed":
            await _cancelled.again(self._entry)
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        self._arrive()


def recorder(library: Any, exchange: Exchange, response: Any, watch: Watch, *, is_async: bool) -> None:
    """Makes a response record its body as it is read. What passes is decoded; so the header goes."""
    raw = source = response.stream
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.strip().lower() != "identity":
        shell = library.Response(200, headers={"content-encoding": encoding}, stream=raw)
        source = shell.aiter_bytes() if is_async else shell.iter_bytes()
        del response.headers["content-encoding"]
    tape = _Tape(exchange, response, watch)
    exchange.depart(tape)
    response.stream = _stream(library, _AsyncRecorder if is_async else _SyncRecorder)(tape, source, raw)


def player(library: Any, request: Any, exchange: Exchange, entry: _omium.Entry, kept: Answer, *, is_async: bool) -> Any:
    """The stream of a recorded answer."""
    exchange.depart()
    return _stream(library, _AsyncPlayer if is_async else _SyncPlayer)(library, request, exchange, entry, kept)


def failure(library: Any, request: Any, kept: Answer) -> Exception:
    """The exception that stood in the way of an answer, made again."""
    error = kept.error or ""
    name, _, message = error.partition(": ")
    if name == STATUS_ERROR and kept.status:
        headers = library.Headers(kept.headers, encoding="utf-8")
        response = library.Response(kept.status, headers=headers, request=request, content=kept.body())
        return library.HTTPStatusError(message, request=request, response=response)  # type: ignore[no-any-return]
    kind = getattr(library, name, None)
    if isinstance(kind, type) and issubclass(kind, library.RequestError):
        made: Exception = kind(message, request=request)
        return made
    return library.ReadError(error, request=request)  # type: ignore[no-any-return]


@cache
def _stream(library: Any, kind: type) -> Any:
    """A class that httpx takes for a stream of its own."""
    own = library.AsyncByteStream if kind.__name__.startswith("_Async") else library.SyncByteStream
    return type(kind.__name__, (kind, own), {})
