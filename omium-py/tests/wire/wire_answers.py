"""What the test provider says, in the shape of each interface, whole and as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

STEPS = 3
PROMPT, OUTPUT, CACHED, REASONING = 100, 20, 40, 5
"""Tokens of every answer."""

Event = dict[str, Any]


def results(body: Event) -> int:
    """How many results of the tool the conversation holds; what went before an earlier answer is in its id."""
    told = json.dumps(body)
    marks = ('"role": "tool"', '"type": "function_call_output"', '"type": "tool_result"', '"functionResponse"')
    before = int((body.get("previous_response_id") or "resp_0").removeprefix("resp_"))
    return before + sum(told.count(mark) for mark in marks)


def turn(body: Event, said: str | None) -> tuple[str | None, int | None]:
    """The text to say, or the n to call the tool `step` with."""
    if said is not None or not body.get("tools"):
        return said or "done", None
    n = results(body) + 1
    return ("done", None) if n > STEPS else (None, n)


def answer(path: str, body: Event, said: str | None) -> Event:
    """The whole answer to a request."""
    text, n = turn(body, said)
    if path.endswith("/responses"):
        return _response(body, text, n)
    if path.endswith("/messages") and "model" in body:
        return _message(body, text, n)
    if path.endswith("generateContent"):
        return _candidates(path, text, n)
    if path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}]
        usage = {"prompt_tokens": PROMPT, "total_tokens": PROMPT}
        return {"object": "list", "model": body["model"], "data": data, "usage": usage}
    return _completion(body, text, n)


def events(path: str, body: Event, said: str | None) -> Iterator[bytes]:
    """The same as the chunks of a stream."""
    text, n = turn(body, said)
    if path.endswith("/responses"):
        yield from _response_events(body, text, n)
    elif path.endswith("/messages"):
        yield from _message_events(body, text, n)
    elif path.endswith("GenerateContent"):
        yield from _candidate_events(path, text, n)
    else:
        yield from _completion_chunks(body, text, n)


def _line(event: Event, name: str | None = None) -> bytes:
    head = "" if name is None else f"event: {name}\n"
    return f"{head}data: {json.dumps(event)}\n\n".encode()


def _words(text: str) -> list[str]:
    return [word + " " for word in text.split(" ")[:-1]] + text.split(" ")[-1:]


# OpenAI chat completions

_CHAT_USAGE = {
    "prompt_tokens": PROMPT,
    "completion_tokens": OUTPUT,
    "total_tokens": PROMPT + OUTPUT,
    "prompt_tokens_details": {"cached_tokens": CACHED},
    "completion_tokens_details": {"reasoning_tokens": REASONING},
}


def _tool_calls(n: int) -> list[Event]:
    arguments = json.dumps({"n": n})
    return [{"id": f"call_{n}", "type": "function", "function": {"name": "step", "arguments": arguments}}]


def _completion(body: Event, text: str | None, n: int | None) -> Event:
    message: Event = {"role": "assistant", "content": text}
    if n is not None:
        message["tool_calls"] = _tool_calls(n)
    reason = "stop" if n is None else "tool_calls"
    choices = [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}]
    return {**_chat_head(body, "chat.completion"), "choices": choices, "usage": _CHAT_USAGE}


def _chat_head(body: Event, kind: str) -> Event:
    return {"id": "chatcmpl-1", "object": kind, "created": 1700000000, "model": body.get("model", "m")}


def _completion_chunks(body: Event, text: str | None, n: int | None) -> Iterator[bytes]:
    head = _chat_head(body, "chat.completion.chunk")

    def chunk(delta: Event, reason: str | None = None) -> bytes:
        return _line({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

    yield chunk({"role": "assistant", "content": "" if n is None else None})
    if n is not None:
        call = _tool_calls(n)[0]
        arguments = call["function"]["arguments"]
        start = {**call, "index": 0, "function": {"name": "step", "arguments": ""}}
        yield chunk({"tool_calls": [start]})
        for part in (arguments[:3], arguments[3:]):
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
        yield chunk({}, "tool_calls")
    else:
        for word in _words(text or ""):
            yield chunk({"content": word})
        yield chunk({}, "stop")
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _line({**head, "choices": [], "usage": _CHAT_USAGE})
    yield b"data: [DONE]\n\n"


# OpenAI responses


def _response(body: Event, text: str | None, n: int | None, status: str = "completed") -> Event:
    if n is not None:
        arguments = json.dumps({"n": n})
        item: Event = {"type": "function_call", "id": f"fc_{n}", "call_id": f"call_{n}", "name": "step"}
        output = [{**item, "arguments": arguments, "status": "completed"}]
    else:
        content = [{"type": "output_text", "text": text, "annotations": []}]
        output = [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}]
    return {
        "id": f"resp_{results(body)}",
        "object": "response",
        "created_at": 1700000000,
        "status": status,
        "model": body.get("model", "m"),
        "output": output if status == "completed" else [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": {
            "input_tokens": PROMPT,
            "input_tokens_details": {"cached_tokens": CACHED, "cache_write_tokens": 0},
            "output_tokens": OUTPUT,
            "output_tokens_details": {"reasoning_tokens": REASONING},
            "total_tokens": PROMPT + OUTPUT,
        }
        if status == "completed"
        else None,
    }


def _response_events(body: Event, text: str | None, n: int | None) -> Iterator[bytes]:
    number = 0

    def event(kind: str, **fields: Any) -> bytes:
        nonlocal number
        number += 1
        return _line({"type": kind, "sequence_number": number, **fields}, kind)

    whole = _response(body, text, n)
    item = whole["output"][0]
    yield event("response.created", response=_response(body, text, n, "in_progress"))
    if n is not None:
        place: Event = {"item_id": item["id"], "output_index": 0}
        opened = {**item, "arguments": "", "status": "in_progress"}
        yield event("response.output_item.added", output_index=0, item=opened)
        yield event("response.function_call_arguments.delta", **place, delta=item["arguments"])
        yield event("response.function_call_arguments.done", **place, arguments=item["arguments"], name="step")
    else:
        place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        part = item["content"][0]
        yield event("response.output_item.added", output_index=0, item={**item, "content": [], "status": "in_progress"})
        yield event("response.content_part.added", **place, part={**part, "text": ""})
        for word in _words(text or ""):
            yield event("response.output_text.delta", **place, delta=word, logprobs=[])
        yield event("response.output_text.done", **place, text=text, logprobs=[])
        yield event("response.content_part.done", **place, part=part)
    yield event("response.output_item.done", output_index=0, item=item)
    yield event("response.completed", response=whole)


# Anthropic messages

_MESSAGE_USAGE = {"input_tokens": PROMPT - CACHED, "cache_read_input_tokens": CACHED, "cache_creation_input_tokens": 0}


def _message(body: Event, text: str | None, n: int | None) -> Event:
    if n is not None:
        content: Event = {"type": "tool_use", "id": f"toolu_{n}", "name": "step", "input": {"n": n}}
    else:
        content = {"type": "text", "text": text}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [content],
        "stop_reason": "end_turn" if n is None else "tool_use",
        "stop_sequence": None,
        "usage": {**_MESSAGE_USAGE, "output_tokens": OUTPUT},
    }


def _message_events(body: Event, text: str | None, n: int | None) -> Iterator[bytes]:
    def event(kind: str, **fields: Any) -> bytes:
        return _line({"type": kind, **fields}, kind)

    whole = _message(body, text, n)
    start = {**whole, "content": [], "stop_reason": None, "usage": {**_MESSAGE_USAGE, "output_tokens": 1}}
    yield event("message_start", message=start)
    if n is not None:
        yield event("content_block_start", index=0, content_block={**whole["content"][0], "input": {}})
        delta = {"type": "input_json_delta", "partial_json": json.dumps({"n": n})}
        yield event("content_block_delta", index=0, delta=delta)
    else:
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for word in _words(text or ""):
            yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
    yield event("content_block_stop", index=0)
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=delta, usage={"output_tokens": OUTPUT})
    yield event("message_stop")


# Google Gemini


def _candidates(path: str, text: str | None, n: int | None) -> Event:
    part: Event = {"text": text} if n is None else {"functionCall": {"name": "step", "args": {"n": n}}}
    return {
        "candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
        "modelVersion": path.rpartition("/")[2].partition(":")[0],
        "usageMetadata": {
            "promptTokenCount": PROMPT,
            "cachedContentTokenCount": CACHED,
            "candidatesTokenCount": OUTPUT - REASONING,
            "thoughtsTokenCount": REASONING,
            "totalTokenCount": PROMPT + OUTPUT,
        },
    }


def _candidate_events(path: str, text: str | None, n: int | None) -> Iterator[bytes]:
    whole = _candidates(path, text, n)
    if text is not None:
        for word in _words(text)[:-1]:
            yield _line({"candidates": [{"content": {"role": "model", "parts": [{"text": word}]}, "index": 0}]})
        whole["candidates"][0]["content"]["parts"] = [{"text": _words(text)[-1]}]
    yield _line(whole)
