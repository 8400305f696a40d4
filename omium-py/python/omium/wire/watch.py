"""Follows an answer as its bytes pass, and knows when it is whole.

The end of the bytes proves little: a connection that breaks ends too, and some clients close as soon as
they have seen the mark. So the mark counts: [DONE], response.completed, message_stop, finishReason.
"""

from __future__ import annotations

import struct
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Literal

from omium.wire.parse import parsed
from omium.wire.shapes import Progress, trouble

if TYPE_CHECKING:
    from omium.wire.shapes import Shape
    from omium.wire.usage import Tokens

__all__ = ["Framing", "Watch", "framing_of"]

Framing = Literal["events", "frames", "lines", "whole"]


_FRAMES = "application/vnd.amazon.eventstream"
_LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")


def framing_of(content_type: str, *, asked: bool) -> Framing:
    """How a body of that type is cut: server-sent events, Amazon's frames, JSON lines, or not at all.

    `asked` says that a stream was asked for: some servers send one and call it plain text.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _LINES:
        return "lines"
    if kind == _FRAMES:
        return "frames"
    return "events" if kind == "text/event-stream" or (asked and kind != "application/json") else "whole"


_PRELUDE = 12
_FRAME_MAX = 1 << 24


class Watch:
    """`progress` tells where the answer stands; `tokens` and `model` what it said of itself so far."""

    def __init__(self, shape: Shape, framing: Framing) -> None:
        self.framing = framing
        self.progress: Progress = "goes on"
        self.problem: str | None = None
        """Why the answer is no answer."""
        self.said: str | None = None
        """What the provider itself says went wrong."""
        self.tokens: Tokens | None = None
        self.model: str | None = None
        self._shape = shape
        self._rest = bytearray()
        self._data: list[str] = []

    @property
    def settled(self) -> bool:
        """Whether nothing that follows can change the verdict."""
        return self.progress in ("whole", "failed")

    @property
    def may_be_over(self) -> bool:
        """Whether this may have been the last chunk, although nothing in it can say so."""
        return self._shape.ends_unmarked and self.progress == "may end"

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes, decoded as the content encoding says."""
        self._rest += chunk
        if self.framing == "whole" or self.settled:
            return
        if self.framing == "frames":
            self._frames()
            return
        # A carriage return at the very end may be half of a line end.
        lines = self._rest.splitlines(keepends=True)
        self._rest = bytearray()
        if lines and not lines[-1].endswith(b"\n"):
            self._rest = lines.pop()
        for line in lines:
            self._line(bytes(line).rstrip(b"\r\n"))

    def end(self) -> None:
        """Says that the bytes ended as they should."""
        if self.settled:
            return
        if self.framing == "whole":
            self._whole(bytes(self._rest))
            return
        self._lines_end()
        if self.progress == "may end":
            self.progress = "whole"
        elif self.progress == "goes on":
            self._fail("the stream ended before the answer did")

    def stop(self, problem: str) -> None:
        """Says that nothing more comes, for another reason."""
        self._lines_end()
        if not self.settled:
            self._fail(problem)

    def _frames(self) -> None:
        """Takes the frames that are there: twice four bytes of lengths, a checksum, headers, data, a checksum."""
        while len(self._rest) >= _PRELUDE and not self.settled:
            length, headers = struct.unpack_from(">II", self._rest)
            if not _PRELUDE + headers + 4 <= length <= _FRAME_MAX:
                self._fail("the stream is no stream of events")
            elif len(self._rest) < length:
                return
            else:
                head = bytes(self._rest[_PRELUDE : _PRELUDE + headers])
                data = bytes(self._rest[_PRELUDE + headers : length - 4])
                del self._rest[:length]
                self._frame(head, data)

    def _frame(self, head: bytes, data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        if b":exception-type" in head:
            self.said = text
            self._fail(text)
            return
        try:
            event = parsed(text)
            inner = event.get("bytes") if isinstance(event, dict) else None
            self._event(b64decode(inner).decode("utf-8", "replace") if isinstance(inner, str) else text)
        except ValueError:
            self._fail("the stream is no stream of events")

    def _lines_end(self) -> None:
        """The last line may lack its end."""
        if self.framing in ("events", "lines"):
            self._line(bytes(self._rest).rstrip(b"\r\n"))
            self._line(b"")

    def _line(self, line: bytes) -> None:
        if self.settled:
            return
        text = line.decode("utf-8", "replace")
        if self.framing == "lines":
            self._event(text)
        elif text.startswith("data:"):
            # The data of nearly every event is one line: it counts when it is there, not when the empty
            # line after it comes, for a reader may go by lines and leave.
            self._data.append(text[5:].removeprefix(" "))
            if self._event("\n".join(self._data)):
                self._data.clear()
        elif not text:
            self._data.clear()

    def _event(self, data: str) -> bool:
        """Reads one event; False when it is not complete."""
        if data.strip() == "[DONE]":
            self.progress = "whole"
            return True
        try:
            event = parsed(data)
        except ValueError:
            return False
        if isinstance(event, dict):
            self._read(event)
            progress = self._shape.progress(event)
            if progress == "failed":
                self.said = trouble(event) or f"the provider sent {event.get('type') or 'an error'}"
                self._fail(self.said)
            elif not (self.progress == "may end" and progress == "goes on"):
                self.progress = progress
        return True

    def _whole(self, body: bytes) -> None:
        try:
            answer = parsed(body)
        except ValueError:
            self._fail("the answer is no JSON" if body else "the answer is empty")
            return
        # Gemini sends a stream that is not asked for as events as one list.
        parts = [part for part in (answer if isinstance(answer, list) else [answer]) if isinstance(part, dict)]
        for part in parts:
            self._read(part)
        self.said = next((said for part in parts if (said := trouble(part))), None)
        expected = self._shape.answers
        if self.said is not None:
            self._fail(self.said)
        elif expected and not any(key in part for part in parts for key in expected):
            self._fail(f"the answer has none of {', '.join(expected)}")
        else:
            self.progress = "whole"

    def _read(self, event: dict[str, Any]) -> None:
        self.tokens = self._shape.tokens(event, self.tokens)
        for holder in (event, event.get("response"), event.get("message"), event.get("interaction")):
            if isinstance(holder, dict):
                model = holder.get("model") or holder.get("modelVersion")
                if isinstance(model, str):
                    self.model = model

    def _fail(self, problem: str) -> None:
        self.progress = "failed"
        self.problem = problem
