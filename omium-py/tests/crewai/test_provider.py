"""A real provider class of CrewAI, and OpenAI's SDK, against a server of this machine that counts its requests."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from crewai import LLM, Crew
from fake import make_tool
from pydantic import BaseModel
from scenarios import TOPIC, agent, plain, task

import omium

KEY = "sk-very-secret-0123456789"


class Answers(BaseHTTPRequestHandler):
    """Chat completions: first a call of each tool, then a text; in one piece or streamed."""

    requests: list[dict[str, Any]] = []
    counts: list[dict[str, Any]] = []

    def log_message(self, *_: object) -> None: ...

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("/input_tokens"):
            self.counts.append(asked)
            self.answer("application/json", '{"object": "response.input_tokens", "input_tokens": 100}')
            return
        self.requests.append(asked)
        assert KEY in self.headers["authorization"]
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        message: dict[str, Any] = {"role": "assistant", "content": "the final answer"}
        if asked.get("response_format"):
            message["content"] = '{"title": "a title", "score": 3}'
        elif asked.get("tools") and asked["messages"][-1]["role"] != "tool":
            called = {"name": asked["tools"][0]["function"]["name"], "arguments": '{"query": "logs"}'}
            message |= {"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": called}]}
        whole = {"id": "chat-1", "model": asked["model"], "created": 1, "usage": usage}
        if not asked.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.answer("application/json", json.dumps({**whole, "object": "chat.completion", "choices": [choice]}))
            return
        pieces = [{"role": "assistant", "content": part} for part in ("the ", "final ", "answer")]
        if message.get("tool_calls"):
            pieces = [{"role": "assistant", "tool_calls": [{"index": 0, **message["tool_calls"][0]}]}]
        chunks = [
            {**whole, "usage": None, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": piece}]}
            for piece in pieces
        ]
        chunks[-1]["choices"][0]["finish_reason"] = "stop"
        chunks.append({**whole, "object": "chat.completion.chunk", "choices": []})
        events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
        self.answer("text/event-stream", events + "data: [DONE]\n\n")

    def answer(self, kind: str, body: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


@pytest.fixture
def url() -> Iterator[str]:
    Answers.requests.clear()
    Answers.counts.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def llm(url: str, **more: Any) -> Any:
    return LLM(model="openai/gpt-4o-mini", base_url=url, api_key=KEY, **more)


def crew(url: str, **more: Any) -> Crew:
    worker = agent("worker", llm(url, **more), [make_tool("search")])
    return Crew(agents=[worker], tasks=[task(0, worker), task(1, worker)], verbose=False)


@pytest.mark.parametrize("stream", [False, True])
def test_a_crew_on_openai_is_recorded_once_and_replayed_offline(url: str, stream: bool, store: Path) -> None:
    with omium.execution("x") as run:
        first = plain(crew(url, stream=stream).kickoff(inputs=TOPIC))
    made = len(Answers.requests)
    assert made >= 3
    models = [each for each in run.checkpoints() if each.kind == "llm"]
    assert len(models) == made, "one entry for a call, however many layers it went through"
    assert [each.usage["input_tokens"] for each in models] == [100] * made
    assert all(each.usage["cost_nano_usd"] > 0 for each in models)
    for way in ({}, {"mode": "replay"}):
        with omium.execution("x", **way):
            assert plain(crew(url, stream=stream).kickoff(inputs=TOPIC)) == first
    with omium.execution("x"):
        assert plain(crew("http://127.0.0.1:9/v1", stream=stream).kickoff(inputs=TOPIC)) == first, "offline"
    assert len(Answers.requests) == made
    for entry in run.store.entries("x", all=True):
        assert all(
            value is None or KEY.encode() not in value.read() for value in (entry.input, entry.value, entry.meta)
        )
    assert not any(KEY.encode() in file.read_bytes() for file in store.rglob("*") if file.is_file())


class Report(BaseModel):
    title: str
    score: int


def test_an_answer_of_a_model_of_ones_own(url: str) -> None:
    for _ in range(2):
        with omium.execution("x"):
            answer = llm(url).call("a report", response_model=Report)
        assert answer == Report(title="a title", score=3)
        assert type(answer) is Report
    assert len(Answers.requests) == 1


def test_a_call_that_failed_is_made_again_and_paid_once(url: str) -> None:
    class Flaky(Answers):
        def do_POST(self) -> None:
            if not self.requests:
                self.rfile.read(int(self.headers["content-length"]))
                self.requests.append({})
                self.send_error(400, "bad luck")
                return
            super().do_POST()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Flaky)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/v1"
    with omium.execution("x") as run:
        first = plain(crew(address).kickoff(inputs=TOPIC))
    made = len(Answers.requests)
    assert sum(each.kind == "llm" for each in run.checkpoints()) == made - 1
    with omium.execution("x"):
        assert plain(crew(address).kickoff(inputs=TOPIC)) == first
    assert len(Answers.requests) == made
    server.shutdown()
    server.server_close()


class Stop(BaseException):
    """Ends a run where a kill would."""


def test_a_provider_counts_the_tokens_of_a_prompt_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI itself is asked for the count before each call; another server of its kind is not."""
    provider = type(llm(url))
    if not hasattr(provider, "_on_compatible_server"):
        pytest.skip("this release of CrewAI estimates")
    monkeypatch.setattr(provider, "_on_compatible_server", lambda _: False)

    def stop(output: Any) -> None:
        raise Stop

    stopped = crew(url)
    stopped.tasks[1].callback = stop
    with pytest.raises(Stop), omium.execution("x") as run:
        stopped.kickoff(inputs=TOPIC)
    made = len(Answers.requests), len(Answers.counts)
    assert made[1] >= made[0]
    assert all(each.name != "count of tokens" for each in run.checkpoints()), "nothing to go back to"
    with omium.execution("x"):
        crew(url).kickoff(inputs=TOPIC)
    assert (len(Answers.requests), len(Answers.counts)) == made
