"""Google's interactions, the interface beside generateContent: whole, as a stream, and when it fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

import omium
from omium import config

MODEL = "gemini-3-flash-preview"
USAGE = {"total_input_tokens": 7, "total_tool_use_tokens": 1, "total_output_tokens": 20, "total_thought_tokens": 22}
COST = 8 * 500 + 42 * 3000
ENDED = {"id": "i1", "model": MODEL, "status": "completed", "usage": USAGE}
EVENTS = [
    {"event_type": "interaction.created", "interaction": {"id": "i1", "status": "in_progress"}},
    {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "so"}},
    {"event_type": "interaction.completed", "interaction": ENDED},
]
FAILED = {"event_type": "interaction.completed", "interaction": {"id": "i1", "status": "failed"}}
TROUBLE = {"event_type": "error", "error": {"message": "overloaded", "code": "503"}}


def answers(library: Any, *events: dict[str, Any]) -> Any:
    def handle(request: Any) -> Any:
        asked.append(json.loads(request.content))
        if not asked[-1].get("stream"):
            return library.Response(200, json={**ENDED, "steps": [{"type": "model_output", "content": []}]})
        content = b"".join(b"event: e\ndata: %s\n\n" % json.dumps(event).encode() for event in events)
        return library.Response(200, content=content, headers={"content-type": "text/event-stream"})

    asked: list[dict[str, Any]] = []
    return library.Client(transport=library.MockTransport(handle)), asked


@pytest.mark.parametrize("path", ["/v1/interactions", "/v1beta/interactions", "/v1beta1/projects/p/interactions"])
@pytest.mark.parametrize("stream", [False, True])
def test_recorded_and_counted(library: Any, path: str, stream: bool) -> None:
    client, asked = answers(library, *EVENTS)
    body = {"model": MODEL, "input": "why?", "stream": stream}
    for _ in range(2):
        with omium.execution("x"), client.stream("POST", f"https://models.example{path}", json=body) as response:
            assert b"completed" in response.read()
    assert len(asked) == 1
    (entry,) = config.store().entries("x")
    assert (entry.name, entry.status) == (f"interact {MODEL}", "done")
    counted = {name: entry.usage[name] for name in ("input_tokens", "output_tokens", "reasoning_tokens")}
    assert counted == {"input_tokens": 8, "output_tokens": 42, "reasoning_tokens": 22}
    assert entry.usage["cost_nano_usd"] == COST


@pytest.mark.parametrize("events", [[EVENTS[0], TROUBLE], [EVENTS[0], FAILED], EVENTS[:2]])
def test_a_failure_is_no_answer(library: Any, events: list[dict[str, Any]]) -> None:
    client, _ = answers(library, *events)
    with omium.execution("x"):
        client.post("https://models.example/v1/interactions", json={"model": MODEL, "input": "?", "stream": True})
    assert [entry.status for entry in config.store().entries("x")] == ["failed"]
