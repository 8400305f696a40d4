"""What stands in the place of `Client.send` and `AsyncClient.send`."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

from omium.exceptions import OmiumError
from omium.runtime import _cancelled, _context, _threads, _turns
from omium.runtime._behind import on_record
from omium.runtime._worker import is_cancellation, off_loop
from omium.wire import exchange, tape
from omium.wire.answer import STATUS_ERROR
from omium.wire.escape import passing
from omium.wire.request import may_ask, recognise, unread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from omium import _omium
    from omium.runtime._context import Frame
    from omium.wire.answer import Answer
    from omium.wire.exchange import Exchange
    from omium.wire.request import ModelCall

__all__ = ["awrap", "wrap"]

_WAITS = frozenset({"retry-after", "retry-after-ms"})


def wrap(library: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    """`Client.send` with the record in front of it."""

    @wraps(original)
    def send(client: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        # Anything else asks for no frame, which a host may refuse and which takes the lease.
        if not may_ask(request):
            return original(client, request, stream=stream, **options)
        try:
            if _asks() and unread(library, request, library.SyncByteStream):
                request.read()
            call = _call(library, request)
        except OmiumError as error:
            raise passing(error)  # noqa: B904  # It is the same error.
        if call is None:
            return original(client, request, stream=stream, **options)
        try:
            place = exchange.begin(*call)
            if place.recorded is not None:
                kept = place.stored(place.recorded)
                return _played(library, request, stream, place, place.recorded, kept, is_async=False)
            try:
                return _live(library, original, client, request, stream, options, place)
            except BaseException:
                place.leave()
                raise
        except OmiumError as error:
            raise passing(error)  # noqa: B904  # It is the same error.

    return send


def _live(
    library: Any,
    original: Callable[..., Any],
    client: Any,
    request: Any,
    stream: bool,
    options: dict[str, Any],
    place: Exchange,
) -> Any:
    try:
        place.afford(stream=stream)
        with _inside(place):
            response = original(client, request, stream=stream, **options)
        watch = place.watch(response.status_code, response.headers.get("content-type", ""))
        if stream and watch.framing != "whole" and not response.is_stream_consumed:
            tape.recorder(library, place, response, watch, is_async=False)
            return response
        body = response.read()
    except OmiumError:
        raise
    except Exception as error:
        place.lost(request, error)
        place.move()
        raise
    watch.feed(body)
    watch.end()
    _turns.write(place, place.keep, response, [body], watch)
    if stream:
        _rewind(library, response, body)
    return response


def awrap(library: Any, original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """`AsyncClient.send` with the record in front of it."""

    @wraps(original)
    async def send(client: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        # Anything else asks for no frame, which a host may refuse and which takes the lease.
        if not may_ask(request):
            return await original(client, request, stream=stream, **options)
        try:
            if _asks() and unread(library, request, library.AsyncByteStream):
                await request.aread()
            call = _call(library, request)
        except OmiumError as error:
            raise passing(error)  # noqa: B904  # It is the same error.
        if call is None:
            return await original(client, request, stream=stream, **options)
        try:
            place = exchange.begin(*call)
            while place.recorded is not None:
                kept = await off_loop(place.stored, place.recorded)
                streamed = stream and kept.status != 0
                if streamed or not _cancelled.is_cancelled(place.run, place.recorded):
                    if not streamed:
                        await _turns.await_(place, place.recorded.seq)
                    return _played(library, request, stream, place, place.recorded, kept, is_async=True)
                place.arrive(place.recorded.seq)
                await _cancelled.again(place.recorded)
                if place.recorded.status == "done":
                    return _played(library, request, stream, place, place.recorded, kept, is_async=True)
                place = place.after(place.recorded)
            try:
                return await _alive(library, original, client, request, stream, options, place)
            except BaseException:
                place.leave()
                raise
        except OmiumError as error:
            raise passing(error)  # noqa: B904  # It is the same error.

    return send


async def _alive(
    library: Any,
    original: Callable[..., Awaitable[Any]],
    client: Any,
    request: Any,
    stream: bool,
    options: dict[str, Any],
    place: Exchange,
) -> Any:
    try:
        await place.aafford(stream=stream)
        with _inside(place):
            response = await original(client, request, stream=stream, **options)
        watch = place.watch(response.status_code, response.headers.get("content-type", ""))
        if stream and watch.framing != "whole" and not response.is_stream_consumed:
            tape.recorder(library, place, response, watch, is_async=True)
            return response
        body = await response.aread()
    except OmiumError:
        raise
    except BaseException as error:
        if isinstance(error, Exception) or is_cancellation(error):
            await _cancelled.recorded(place, place.lost, request, error)
        raise
    watch.feed(body)
    watch.end()
    await _cancelled.returned(place, place.keep, response, [body], watch)
    if stream:
        _rewind(library, response, body)
    return response


@contextmanager
def _inside(place: Exchange) -> Iterator[None]:
    """Around the real send: a transport that sends through another client asks no second model."""
    token = _context.current.set(place.inside())
    try:
        yield
    finally:
        _context.current.reset(token)


def _asks() -> Frame | None:
    """Where model calls are to be recorded, if they are."""
    frame = _context.frame()
    # What a model call recorded by an adapter does inside is part of it.
    return None if frame is None or frame.kind == "llm" or _threads.is_left_behind() else frame


def _call(library: Any, request: Any) -> tuple[Frame, ModelCall] | None:
    """The model call a request is, and where it is made, if it is to be recorded."""
    frame = _asks()
    if _context.refuse_outside is not None and _context.frame() is None:
        _outside(recognise(library, request))
    call = None if frame is None else recognise(library, request)
    return None if frame is None or call is None else (frame, call)


def _outside(call: ModelCall | None) -> None:
    try:
        if call is not None:
            _context.outside("llm", call.name)
    except OmiumError as refused:
        raise passing(refused)  # noqa: B904  # It is the same error.


def _rewind(library: Any, response: Any, body: bytes) -> None:
    """Lets the program read as a stream what was read for the record. It is decoded; so the header goes."""
    if response.headers.pop("content-encoding", None) is not None:
        response.headers["content-length"] = str(len(body))
    response.stream = library.ByteStream(body)
    response.is_stream_consumed = response.is_closed = False


def _played(
    library: Any, request: Any, stream: bool, place: Exchange, entry: _omium.Entry, kept: Answer, *, is_async: bool
) -> Any:
    """The recorded answer as a response; a recorded failure to get one is raised again."""
    by_hook = kept.error is not None and kept.error.startswith(STATUS_ERROR)
    if kept.status == 0 or by_hook or (kept.error is not None and not stream):
        place.arrive(entry.seq)
        error = tape.failure(library, request, kept)
        on_record(error, entry.seq)
        raise error
    pairs = [(name, value) for name, value in kept.headers if name.lower() not in _WAITS]
    if entry.status == "failed":
        # The client may try again at once: there is nobody whom waiting would spare.
        pairs.append(("retry-after-ms", "1"))
    headers = library.Headers(pairs, encoding="utf-8")
    if stream and place.watch(kept.status, headers.get("content-type", "")).framing != "whole":
        played = tape.player(library, request, place, entry, kept, is_async=is_async)
        response = library.Response(kept.status, headers=headers, stream=played, request=request)
    else:
        body = {"stream": library.ByteStream(kept.body())} if stream else {"content": kept.body()}
        response = library.Response(kept.status, headers=headers, request=request, **body)
        place.arrive(entry.seq)
    response.elapsed = timedelta(0)
    place.mark(response, entry.seq, replayed=True)
    if entry.status == "failed":
        on_record(response, entry.seq)
    return response
