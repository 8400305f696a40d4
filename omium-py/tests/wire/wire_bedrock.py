"""What Amazon Bedrock answers: Anthropic's messages, and Converse, whole and in binary frames."""

from __future__ import annotations

import json
import struct
import zlib
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from wire_answers import OUTPUT, PROMPT, Event, answer, events

KIND = "application/vnd.amazon.eventstream"
_USAGE = {"inputTokens": PROMPT, "outputTokens": OUTPUT, "totalTokens": PROMPT + OUTPUT}


def frame(event: Event, kind: str = "chunk", sort: str = "event") -> bytes:
    """One event, as Amazon packs it."""
    names = {f":{sort}-type": kind, ":content-type": "application/json", ":message-type": sort}
    head = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for name, value in names.items()
    )
    data = json.dumps(event).encode()
    prelude = struct.pack(">II", 16 + len(head) + len(data), len(head))
    packed = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + data
    return packed + struct.pack(">I", zlib.crc32(packed))


def whole(path: str, body: Event, said: str | None) -> Event:
    if path.endswith("/invoke"):
        return answer("/messages", {"model": "claude-haiku-4-5", **body}, said)
    message = {"role": "assistant", "content": [{"text": said or "done"}]}
    return {"output": {"message": message}, "stopReason": "end_turn", "usage": _USAGE, "metrics": {"latencyMs": 1}}


def frames(path: str, body: Event, said: str | None) -> Iterator[bytes]:
    if path.endswith("/converse-stream"):
        yield frame({"role": "assistant"}, "messageStart")
        yield frame({"delta": {"text": said or "done"}, "contentBlockIndex": 0}, "contentBlockDelta")
        yield frame({"stopReason": "end_turn"}, "messageStop")
        yield frame({"usage": _USAGE, "metrics": {"latencyMs": 1}}, "metadata")
        return
    for event in events("/messages", {"model": "claude-haiku-4-5", **body}, said):
        data: Any = event.partition(b"data: ")[2].strip()
        yield frame({"bytes": b64encode(data).decode()})
