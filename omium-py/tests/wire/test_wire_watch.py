"""The verdict on a stream must not depend on where the network cut it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import wire_bedrock
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_answers import events

from omium.wire.shapes import SHAPES
from omium.wire.watch import Watch, framing_of

PATHS: dict[str, tuple[str, Any]] = {
    "chat": ("/v1/chat/completions", {"stream_options": {"include_usage": True}}),
    "responses": ("/v1/responses", {}),
    "messages": ("/v1/messages", {"model": "m"}),
    "gemini": ("/v1/models/m:streamGenerateContent", {}),
}


def stream(shape: str) -> bytes:
    path, body = PATHS[shape]
    return b"".join(events(path, body, "wörter über wörter"))


def watched(shape: str, chunks: list[bytes], *, end: bool = True) -> Watch:
    watch = Watch(SHAPES[shape], "events")
    for chunk in chunks:
        watch.feed(chunk)
    if end:
        watch.end()
    return watch


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("shape", PATHS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_cut_gives_the_same_verdict(shape: str, newline: bytes, data: Any) -> None:
    whole = stream(shape).replace(b"\n", newline)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=30)))
    chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    watch = watched(shape, chunks)
    assert (watch.progress, watch.problem) == ("whole", None)
    assert watch.tokens is not None
    assert (watch.tokens.input, watch.tokens.output) == (100, 20)


@pytest.mark.parametrize("shape", PATHS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_stream_that_stops_before_its_mark_is_not_whole(shape: str, data: Any) -> None:
    whole = stream(shape)
    mark = {
        "chat": b"[DONE]",
        "responses": b"event: response.completed",
        "messages": b"event: message_stop",
        "gemini": b"finishReason",
    }
    kept = whole[: data.draw(st.integers(0, whole.index(mark[shape])))]
    watch = watched(shape, [kept], end=False)
    assert not watch.settled
    assert not watch.may_be_over
    watch.stop("it broke")
    assert (watch.progress, watch.problem) == ("failed", "it broke")


def test_the_mark_counts_as_soon_as_its_line_is_there() -> None:
    for kept in (b"data: [DONE]\n", b"data:[DONE]\r\n", b"data: [DONE]"):
        watch = watched("chat", [kept], end=False)
        assert watch.settled == kept.endswith(b"\n")
        watch.stop("closed")
        assert watch.progress == "whole"


def test_chat_without_a_mark_ends_after_its_reason() -> None:
    def chunk(reason: str | None) -> bytes:
        return b"data: %s\n\n" % json.dumps({"choices": [{"delta": {}, "finish_reason": reason}]}).encode()

    assert watched("chat", [chunk(None), chunk("stop")]).progress == "whole"
    assert watched("chat", [chunk("stop"), chunk(None)]).progress == "whole"
    assert watched("chat", [chunk(None)]).problem == "the stream ended before the answer did"


@pytest.mark.parametrize(
    ("shape", "event", "problem"),
    [
        ("chat", {"error": {"message": "overloaded"}}, "overloaded"),
        ("messages", {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, "busy"),
        ("responses", {"type": "response.failed", "response": {"error": {"message": "no"}}}, "no"),
        ("responses", {"type": "error", "message": "odd"}, "the provider sent error"),
        ("gemini", {"error": {"code": 500, "message": "internal"}}, "internal"),
    ],
)
def test_an_error_in_a_stream_is_no_answer(shape: str, event: Any, problem: str) -> None:
    watch = watched(shape, [b"data: " + json.dumps(event).encode() + b"\n\n", b"data: [DONE]\n\n"])
    assert (watch.progress, watch.problem) == ("failed", problem)


def test_data_of_several_lines_and_comments() -> None:
    text = b': ping\n\nevent: x\ndata: {"type":\ndata: "message_stop"}\n\n'
    assert watched("messages", [text], end=False).progress == "whole"


def frames() -> bytes:
    return b"".join(wire_bedrock.frames("/model/m/converse-stream", {"messages": []}, "wörter"))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_frames_may_be_cut_anywhere(data: Any) -> None:
    whole = frames()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=30)))
    watch = Watch(SHAPES["bedrock"], framing_of(wire_bedrock.KIND, asked=True))
    for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        assert watch.settled == (a == len(whole))
        watch.feed(whole[a:b])
    assert watch.progress == "whole"
    assert watch.tokens is not None
    assert (watch.tokens.input, watch.tokens.output) == (100, 20)


def test_frames_that_break_off_or_tell_of_trouble() -> None:
    for kept, problem in (
        (frames()[:-1], None),
        (frames()[:200], "the stream ended before the answer did"),
        (wire_bedrock.frame({"message": "slow down"}, "throttlingException", "exception"), '{"message": "slow down"}'),
        (b"<html>no frames at all</html>", "the stream is no stream of events"),
    ):
        watch = Watch(SHAPES["bedrock"], "frames")
        watch.feed(kept)
        watch.end()
        assert watch.problem == problem


def test_json_lines() -> None:
    watch = Watch(SHAPES["ollama"], framing_of("application/x-ndjson; charset=utf-8", asked=True))
    watch.feed(b'{"model": "llama3", "message": {"content": "a"}, "done": false}\n{"done": tr')
    assert not watch.settled
    watch.feed(b'ue, "prompt_eval_count": 7, "eval_count": 3}\n')
    assert (watch.progress, watch.model) == ("whole", "llama3")
    assert watch.tokens is not None
    assert (watch.tokens.input, watch.tokens.output) == (7, 3)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=8), st.sampled_from(["events", "frames", "lines", "whole"]))
def test_no_bytes_break_it(chunks: list[bytes], framing: Any) -> None:
    for shape in SHAPES.values():
        watch = Watch(shape, framing)
        for chunk in chunks:
            watch.feed(chunk)
        watch.end()
        assert watch.settled
