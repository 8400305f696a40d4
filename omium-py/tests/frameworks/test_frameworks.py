"""One agent, seven frameworks: killed before its third tool acts, run again, and replayed.

Four model calls in all, each effect once, and nothing at all in a replay: whole answers and streams, over
chat completions and over responses. `make test-frameworks` has a virtual environment for each set of
frameworks that install together, and says in OMIUM_TEST_REQUIREMENTS which: what that file names is not skipped.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "wire"))

import agent_secrets  # noqa: E402
from store_search import find  # noqa: E402
from wire_provider import COOKIE, Provider  # noqa: E402

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


Run = Callable[..., subprocess.CompletedProcess[str]]


@cache
def named(requirements: Path) -> frozenset[str]:
    """The distributions a requirements file asks for."""
    return frozenset(re.findall(r"^([\w-]+)", requirements.read_text(), re.MULTILINE))


def skip_without(needed: str) -> None:
    """Skips what is not installed, but for what this environment was made for."""
    promised = os.environ.get("OMIUM_TEST_REQUIREMENTS")
    try:
        distribution(needed)
    except PackageNotFoundError:
        assert promised is None or needed not in named(Path(promised)), f"{needed} is not installed in {sys.prefix}"
        pytest.skip(f"{needed} is not installed in {sys.prefix}")


def test_every_framework_has_an_environment() -> None:
    environments = [named(file) for file in HERE.glob("requirements-*.txt")]
    assert {needed for needed, _ in FRAMEWORKS.values()} <= frozenset().union(*environments)
    assert {file.name.removesuffix("_agent.py") for file in HERE.glob("*_agent.py")} - {"one"} == FRAMEWORKS.keys()


def runner(framework: str, variant: str, stream: bool, provider: Provider, place: Path) -> Run:
    """Runs that framework's program in a process, with more flags each time."""
    skip_without(FRAMEWORKS[framework][0])
    flags = [*(["--stream"] if stream else []), *(["--variant", variant] if variant else [])]
    command = [sys.executable, str(HERE / f"{framework}_agent.py"), provider.url, str(place), *flags]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HOME": str(place)}
        return subprocess.run([*command, *more], env=environment, capture_output=True, encoding="utf-8", timeout=240)

    return run


@pytest.mark.parametrize(("framework", "variant", "stream"), CASES)
def test_an_agent_that_is_killed_repeats_nothing(
    framework: str, variant: str, stream: bool, provider: Provider, tmp_path: Path
) -> None:
    run = runner(framework, variant, stream, provider, tmp_path)
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


HIDDEN = (*agent_secrets.ALL, COOKIE.partition("=")[2])


@pytest.mark.parametrize(("framework", "variant", "stream"), CASES)
def test_no_secret_is_in_the_store(
    framework: str, variant: str, stream: bool, provider: Provider, tmp_path: Path
) -> None:
    """The provider refuses and repeats every header, a proxy adds its own, and a tool's error quotes its key."""
    run = runner(framework, variant, stream, provider, tmp_path)
    provider.troubles.extend(["echo"] * 9)
    refused = run("--secrets")
    provider.troubles.clear()
    assert refused.returncode == 1, refused.stderr
    assert find(tmp_path / "store", HIDDEN) == []
    done = run("--secrets")
    assert done.stdout == "answer: done\n", done.stderr
    assert "proxy-authorization" in provider.heads[-1]
    assert find(tmp_path / "store", HIDDEN) == []
    assert find(tmp_path / "store", ["Take the steps 1, 2 and 3", "401 for https://"])


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_search_finds_what_careless_code_leaves(framework: str, provider: Provider, tmp_path: Path) -> None:
    run = runner(framework, "", False, provider, tmp_path)
    provider.troubles.extend(["echo"] * 9)
    run("--secrets", "--careless")
    left = find(tmp_path / "store", HIDDEN)
    assert all(any(word in place for place in left) for word in agent_secrets.ALL), left
