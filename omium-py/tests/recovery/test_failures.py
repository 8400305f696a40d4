"""Failure records: what kind of failure an exception is, what is kept of it, and what is not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import omium
from omium import _redact
from omium.recovery import failure_of
from omium.recovery.lineage import sources


class APITimeoutError(Exception):
    pass


class RateLimitError(Exception):
    pass


class ToolException(Exception):
    pass


class OutputParserException(Exception):
    pass


def made(status: int | None = None, **attributes: Any) -> Exception:
    error = Exception("it failed")
    if status is not None:
        error.response = SimpleNamespace(status_code=status)  # type: ignore[attr-defined]
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


def caused(cause: Exception) -> Exception:
    error = RuntimeError("wrapped")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind", "expected"),
    [
        (TimeoutError(), "step", "timeout"),
        (omium.StepTimeout("slow"), "step", "timeout"),
        (APITimeoutError(), "llm", "timeout"),
        (made(408), "llm", "timeout"),
        (made(429), "llm", "rate_limit"),
        (made(status_code=429), "llm", "rate_limit"),
        (RateLimitError(), "llm", "rate_limit"),
        (made(503), "llm", "provider_error"),
        (made(code=401), "llm", "provider_error"),
        (ConnectionResetError(), "step", "provider_error"),
        (caused(ConnectionError()), "step", "provider_error"),
        (json.JSONDecodeError("no", "", 0), "step", "bad_output"),
        (OutputParserException(), "step", "bad_output"),
        (omium.NotSerializable("a socket"), "step", "bad_output"),
        (ToolException(), "step", "tool_error"),
        (ValueError(), "tool", "tool_error"),
        (ValueError(), "effect", "tool_error"),
        (omium.PostconditionFailed("no"), "step", "failed_check"),
        (omium.Divergence("no"), "step", "divergence"),
        (omium.BudgetExceeded("no"), "llm", "budget"),
        (omium.RecordedFailure("no", type="openai:RateLimitError"), "step", "rate_limit"),
        (ValueError("x"), "step", "other"),
        (made(code="E42"), "step", "other"),
    ],
)
def test_types(error: Exception, kind: str, expected: str) -> None:
    failure = failure_of(error, kind)
    assert failure.type == expected
    assert failure.suggestion
    assert failure.recoverable is (expected in ("timeout", "rate_limit", "provider_error", "crash"))


SECRETS = {
    "https://api.example.com/v1?key=AIzaSecretSecret&page=2": "https://api.example.com/v1?key=[redacted]&page=2",
    "Authorization: Bearer abcdefghijkl": "Authorization: [redacted]",
    "Incorrect API key provided: sk-abcdefghijklmnop.": "Incorrect API key provided: [redacted].",
    "api_key='hunter2abc'": "api_key='[redacted]'",
    '{"password": "hunter22"}': '{"password": "[redacted]"}',
    "postgres://me:pa55w0rd@host/db": "postgres://me:[redacted]@host/db",
    "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl": "[redacted]",
    "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----": "[redacted]",
}


@pytest.mark.parametrize(("text", "expected"), SECRETS.items())
def test_secrets_are_taken_out(text: str, expected: str) -> None:
    assert _redact.text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "the token count is 5",
        "total_tokens=123456",
        "keyboard: mechanical",
        "key: a",
        '{"token": null, "authorization": false, "secret": 12345}',
        "",
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert _redact.text(text) == text


def test_a_number_that_only_begins_a_secret_is_one() -> None:
    assert _redact.text("password=12345678-abcd") == "password=[redacted]"


@pytest.mark.parametrize("piece", ["a-", "_a-", "sk-", "token-", "a+", "a.", "eyJaaaaaaaa-", "a://", "?a", "Bearer "])
def test_a_long_text_takes_no_longer_than_it_is(piece: str) -> None:
    """What grows with the square of its length would not come to an end here."""
    text = piece * 100_000
    assert len(_redact.text(text)) > 0


def test_no_secret_of_a_failure_reaches_the_store(store: Path) -> None:
    secret = "sk-verysecretverysecret"

    @omium.step
    def call() -> None:
        error = ConnectionError(f"401 for https://x.test/?api_key={secret}", f"Bearer {secret}")
        error.api_key = secret  # type: ignore[attr-defined]
        raise error

    with pytest.raises(ConnectionError, match="api_key=sk-very"), omium.execution("leaky"):
        call()
    run = omium.get("leaky")
    shown = [each.message for each in run.failures()] + [str(run.error)]
    shown += [repr(vars(each)) + str(each) for each in map(recorded, run.store.entries("leaky"))]
    assert shown
    assert not [each for each in shown if secret in each]
    omium.get("leaky").store.close()
    files = b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())
    assert secret.encode() not in files


def recorded(entry: Any) -> BaseException:
    error = omium.Entry(entry).value
    assert isinstance(error, ConnectionError)
    return error


def test_what_is_kept(ran: Counter[str]) -> None:
    @omium.step
    def search() -> list[str]:
        return ["found something"]

    @omium.step(retries=omium.Retry(times=1, first=0))
    def parse(found: list[str]) -> None:
        json.loads("{" + found[0])

    with pytest.raises(json.JSONDecodeError), omium.execution("r") as run:
        parse(search())
    (failure,) = run.failures()
    assert (failure.type, failure.step, failure.attempts, failure.seq, failure.suspect) == (
        "bad_output",
        "parse",
        2,
        3,
        1,
    )
    assert failure.stack[0].endswith("in parse")
    assert "in loads" in failure.stack[1]
    assert not [frame for frame in failure.stack if "python/omium/" in frame]


def test_a_failure_of_the_workflow_itself_is_noted_once() -> None:
    @omium.workflow
    def work() -> None:
        raise KeyError("nothing")

    handle = work.options(id="w")
    for _ in range(2):
        with pytest.raises(KeyError):
            handle.start()
    (failure,) = omium.get("w").failures()
    assert (failure.step, failure.error, failure.stack[-1][-4:]) == (None, "KeyError", "work")
    assert omium.get("w").checkpoints() == []
    assert omium.get("w").replay().diverged_at is None


def test_a_crash_is_noted_when_the_run_goes_on(store: Path) -> None:
    program = (
        "import os, signal, omium\n"
        "with omium.execution('e') as run:\n"
        "    run.checkpoint(1)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {"OMIUM_STORE": str(store), "PYTHONPATH": str(Path(omium.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    for _ in range(2):
        with omium.execution("e") as run:
            run.checkpoint(1)
    assert [each.type for each in run.failures()] == ["crash"]
    assert [each.name for each in run.checkpoints()] == ["checkpoint"]


@pytest.mark.parametrize(
    ("given", "outputs", "expected"),
    [
        ({"x": "abcdef"}, [(1, "abcdef")], [(1, "whole", "x")]),
        ({"x": ["abcdef", 1]}, [(1, {"a": "abcdef"})], [(1, "part", "x[0]")]),
        ({"prompt": "say: a long answer!"}, [(1, "a long answer")], [(1, "quoted", "prompt")]),
        ({"x": 1}, [(1, 1)], []),
        ({"x": 12345}, [(1, 12345), (2, 12345)], [(2, "whole", "x"), (1, "whole", "x")]),
        ({"x": 0.25}, [(1, 0.25)], [(1, "whole", "x")]),
        ({"x": None, "y": True}, [(1, None), (2, True)], []),
        ({"x": []}, [(1, [])], []),
        ({"x": [1, 2]}, [(1, [1, 2])], []),
        ({}, [(1, "abcdef")], []),
    ],
)
def test_lineage(given: Any, outputs: Any, expected: Any) -> None:
    assert [tuple(each) for each in sources(given, outputs)] == expected
