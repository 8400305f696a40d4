"""What a provider answered, as it is kept, and as a client gets it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from omium import _redact
from omium.wire import secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["STATUS_ERROR", "Answer", "answer", "failure", "recorded", "refused"]

STATUS_ERROR = "HTTPStatusError"

# They speak of the bytes on that connection; what is kept is decoded.
_TRANSPORT = frozenset({"connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"})


class Answer(NamedTuple):
    """One HTTP answer, or the failure to get one."""

    status: int
    headers: list[list[str]]
    chunks: list[str | bytes]
    """The decoded body as it came: one piece, or those of a stream."""
    error: str | None = None
    """What the client raised in place of an answer, or in the middle of one: `Class: message`."""

    def plain(self) -> dict[str, Any]:
        """The recorded value."""
        return {name: part for name, part in self._asdict().items() if part is not None}

    def body(self) -> bytes:
        return b"".join(self.pieces())

    def pieces(self) -> list[bytes]:
        return [chunk.encode() if isinstance(chunk, str) else chunk for chunk in self.chunks]


def recorded(value: dict[str, Any]) -> Answer:
    """The answer of a recorded value."""
    return Answer(**value)


def answer(response: Any, chunks: Sequence[bytes], error: str | None = None) -> Answer:
    """Of an httpx response and what was read of its body, without the request's credentials."""
    hidden = secrets.of(response.request)
    whole = b"".join(chunks)
    if any(secret.encode() in whole for secret in hidden):
        # One may lie across two chunks.
        chunks = [secrets.scrub(whole, hidden)]
    kept = [_text(chunk) for chunk in chunks]
    if not response.is_success:
        # A refusal tends to repeat what it refused, with what a proxy on the way added.
        kept = [_redact.text(chunk) if isinstance(chunk, str) else chunk for chunk in kept]
    return Answer(
        status=response.status_code,
        headers=secrets.headers(
            ((name, value) for name, value in response.headers.multi_items() if name.lower() not in _TRANSPORT), hidden
        ),
        chunks=kept,
        error=None if error is None else secrets.scrub(error, hidden),
    )


def failure(request: Any, error: str) -> Answer:
    """Of a request that got no answer."""
    return Answer(0, [], [], secrets.scrub(error, secrets.of(request)))


def refused(error: BaseException) -> Any:
    """The response in an error that a hook of the client made of it (`raise_for_status`); None in any other."""
    response = getattr(error, "response", None) if type(error).__name__ == STATUS_ERROR else None
    if response is not None and not response.is_stream_consumed:
        # It is closed, and nobody has read it.
        response = type(response)(response.status_code, headers=response.headers, request=response.request, content=b"")
    return response


def _text(chunk: bytes) -> str | bytes:
    # Text reads well in `omium cat` and compresses alike; a chunk may end in the middle of a character.
    try:
        return chunk.decode()
    except UnicodeDecodeError:
        return chunk
