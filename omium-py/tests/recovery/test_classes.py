"""Every type of failure really happens here: what is on record of it, and that no secret is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pydantic
import pytest

import omium

SECRET = "sk-verysecretverysecretverysecret"


class Answers(BaseHTTPRequestHandler):
    """Answers `/503` with that status, and repeats the credentials it was sent, as providers do."""

    def do_POST(self) -> None:
        status = int(self.path.partition("?")[0].rpartition("/")[2])
        answer = {"error": {"message": f"Incorrect API key provided: {self.headers['authorization']}"}}
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@omium.step
def search() -> str:
    return "found something long"


def post(url: str, status: int) -> str:
    headers = {"authorization": f"Bearer {SECRET}"}
    response = httpx.post(f"{url}/{status}?api_key={SECRET}", headers=headers, json={"q": 1})
    if response.is_error:
        raise httpx.HTTPStatusError(
            f"{response.status_code} for {response.url}: {response.text}", request=response.request, response=response
        )
    return response.text


def timeout(found: str, url: str) -> None:
    @omium.step(timeout=0.05)
    def fails(found: str) -> None:
        time.sleep(5)

    fails(found)


def rate_limit(found: str, url: str) -> None:
    @omium.step
    def fails(found: str) -> None:
        post(url, 429)

    fails(found)


def provider_error(found: str, url: str) -> None:
    @omium.step
    def fails(found: str) -> None:
        post(url, 503)

    fails(found)


def refused_connection(found: str, url: str) -> None:
    @omium.step
    def fails(found: str) -> None:
        httpx.get("http://127.0.0.1:1/?token=" + SECRET)

    fails(found)


def tool_error(found: str, url: str) -> None:
    @omium.effect
    def fails(found: str) -> None:
        raise LookupError(f"no table 9 with password={SECRET}")

    fails(found)


class Plan(pydantic.BaseModel):
    title: str
    pages: int


def bad_output(found: str, url: str) -> None:
    @omium.step
    def fails(found: str) -> None:
        Plan.model_validate_json('{"title": "x", "pages": "many"}')

    fails(found)


def failed_check(found: str, url: str) -> None:
    @omium.step(postconditions=["result.contains('honey')"])
    def fails(found: str) -> str:
        return f"{found} api_key={SECRET}"

    fails(found)


def stuck(found: str, url: str) -> None:
    @omium.step
    def fails(found: str) -> None:
        threading.Event().wait()

    fails(found)


HAPPEN: list[tuple[Callable[[str, str], None], str, str]] = [
    (timeout, "timeout", "StepTimeout"),
    (rate_limit, "rate_limit", "HTTPStatusError"),
    (provider_error, "provider_error", "HTTPStatusError"),
    (refused_connection, "provider_error", "ConnectError"),
    (tool_error, "tool_error", "LookupError"),
    (bad_output, "bad_output", "ValidationError"),
    (failed_check, "failed_check", "PostconditionFailed"),
    (stuck, "stuck", "Stuck"),
]


@pytest.mark.parametrize(("happens", "type", "error"), HAPPEN, ids=[each[0].__name__ for each in HAPPEN])
def test_what_happens_is_on_record(
    store: Path, url: str, happens: Callable[[str, str], None], type: str, error: str
) -> None:
    # A slow machine takes longer than that for a call of its own.
    detect = omium.Detect(stall=0.3, action="fail") if happens is stuck else None
    with pytest.raises(Exception), omium.execution("r", detect=detect):  # noqa: B017, PT011
        happens(search(), url)
    run = omium.get("r")
    (failure,) = run.failures()
    assert (failure.type, failure.error, str(failure.step).rpartition(".")[2]) == (type, error, "fails")
    assert failure.message
    assert failure.suggestion
    if type != "stuck":
        assert failure.suspect == 1
    if type not in ("failed_check", "timeout"):
        assert any(frame.endswith("in fails") and __file__ in frame for frame in failure.stack)
    assert run.status == "failed"
    assert no_secret(store, run)


def no_secret(store: Path, run: Any) -> bool:
    shown = json.dumps([each.to_json() for each in run.failures()]) + str(run.error)
    for entry in run.store.entries(run.id, all=True):
        values = [value.read() for value in (entry.meta, entry.value, entry.input) if value is not None]
        shown += str(entry.error) + repr(values)
    run.store.close()
    raw = b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())
    return SECRET not in shown and SECRET.encode() not in raw


def test_a_divergence() -> None:
    number = iter(range(10))

    @omium.step
    def plan() -> str:
        return "planned"

    @omium.step
    def other(at: int) -> int:
        return at

    def work() -> None:
        with omium.execution("r"):
            plan()
            other(next(number))
            raise ConnectionError("later")

    with pytest.raises(ConnectionError):
        work()
    with pytest.raises(omium.Divergence):
        work()
    failure = omium.get("r").failures()[-1]
    assert (failure.type, failure.error, failure.recoverable) == ("divergence", "Divergence", False)
    assert "other" in failure.message
    assert any(__file__ in frame for frame in failure.stack)


def test_a_budget() -> None:
    def ask(question: str) -> None:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]}
        transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answer()))
        with httpx.Client(transport=transport) as client:
            client.post("https://api.openai.com/v1/chat/completions", json=body)

    def answer() -> dict[str, Any]:
        usage = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
        choices = [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]
        return {"id": "1", "object": "chat.completion", "model": "gpt-4o-mini", "choices": choices, "usage": usage}

    def both() -> None:
        ask("why?")
        ask("why not?")

    with pytest.raises(omium.BudgetExceeded), omium.execution("r", budget_tokens=10):
        both()
    (failure,) = omium.get("r").failures()
    assert (failure.type, failure.error) == ("budget", "BudgetExceeded")
    assert "raise the budget" in failure.suggestion
    assert any(frame.endswith("in ask") for frame in failure.stack)


def test_a_crash(store: Path) -> None:
    program = (
        "import os, signal, omium\n"
        "with omium.execution('r') as run:\n"
        "    run.checkpoint(1)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "OMIUM_STORE": str(store), "PYTHONPATH": str(Path(omium.__file__).parents[1])}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == -signal.SIGKILL
    with omium.execution("r") as run:
        run.checkpoint(1)
    (failure,) = run.failures()
    assert (failure.type, failure.error, failure.recoverable) == ("crash", "Crash", True)
    assert "resume it" in failure.suggestion
