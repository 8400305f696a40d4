"""One agent, seven frameworks: killed before its third tool acts, run again, and replayed.

Four model calls in all, each effect once, and nothing at all in a replay: whole answers and streams, over
chat completions and over responses. `make test-frameworks` has a virtual environment for each set of
frameworks that install together.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "wire"))

from wire_provider import Provider  # noqa: E402

FRAMEWORKS = {
    "agent_framework": ("agent-framework-openai", ["", "responses"]),
    "autogen": ("autogen-agentchat", [""]),
    "crewai": ("crewai", [""]),
    "langgraph": ("langchain-openai", ["", "async", "thread", "node"]),
    "openai_agents": ("openai-agents", ["", "responses"]),
    "pydantic_ai": ("pydantic-ai-slim", ["", "responses", "anthropic", "google"]),
    "semantic_kernel": ("semantic-kernel", [""]),
}
"""What has to be installed for each, and the variants of its program."""

CASES = [
    pytest.param(framework, variant, stream, id="-".join(filter(None, (framework, variant, stream and "stream"))))
    for framework, (_, variants) in FRAMEWORKS.items()
    for variant in variants
    for stream in (False, True)
]


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.stop()


@pytest.mark.parametrize(("framework", "variant", "stream"), CASES)
def test_an_agent_that_is_killed_repeats_nothing(
    framework: str, variant: str, stream: bool, provider: Provider, tmp_path: Path
) -> None:
    needed = FRAMEWORKS[framework][0]
    try:
        distribution(needed)
    except PackageNotFoundError:
        pytest.skip(f"{needed} is not installed in {sys.prefix}")
    program = HERE / f"{framework}_agent.py"

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        flags = [*(["--stream"] if stream else []), *(["--variant", variant] if variant else []), *more]
        return subprocess.run(
            [sys.executable, str(program), provider.url, str(tmp_path), *flags],
            env={**os.environ, "HOME": str(tmp_path)},
            capture_output=True,
            encoding="utf-8",
            timeout=240,
        )

    effects = tmp_path / "effects"
    killed = run("--crash")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (provider.hits, effects.read_text().split()) == (3, ["1", "2"])

    resumed = run()
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == "answer: done\n"
    assert (provider.hits, effects.read_text().split()) == (4, ["1", "2", "3"])
    if variant not in ("anthropic", "google"):
        # Pydantic AI streams from Anthropic in any case, and Gemini is asked by path.
        assert all(bool(body.get("stream")) == stream for body in provider.requests)

    if variant not in ("thread", "node"):
        replayed = run("--mode", "replay")
        assert replayed.returncode == 0, replayed.stderr
        assert replayed.stdout == "answer: done\n"
    again = run()
    assert again.stdout == "answer: done\n", again.stderr
    assert (provider.hits, effects.read_text().split()) == (4, ["1", "2", "3"])
    assert "sk-this-key-is-secret" not in store_text(tmp_path / "store")


def store_text(store: Path) -> str:
    """Every byte of the files of a store, and every value in it, decompressed."""
    from omium import _omium

    parts = [path.read_bytes() for path in store.rglob("*") if path.is_file()]
    opened = _omium.Store(str(store), read_only=True)
    for execution in opened.executions():
        for entry in opened.entries(execution.id, all=True):
            values = [entry.value, entry.input, entry.meta, *entry.values.values()]
            parts += [value.read() for value in values if value is not None]
    opened.close()
    assert parts
    return b"\n".join(parts).decode("latin-1")
