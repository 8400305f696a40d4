"""What CrewAI offers beside the ways of kicking off: stopped at every model call and resumed, nothing is paid twice."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crewai
import pytest
from crewai import Crew
from crewai.flow.flow import Flow, and_, listen, or_, router, start
from crewai.mcp import MCPServerStdio
from crewai.tools import tool
from fake import FakeLLM, call_of, fake, journal, make_tool, short
from scenarios import TOPIC, agent, crew_of, plain, task

import omium


class Stop(BaseException):
    """Ends a run where a kill would."""


def crew(*, tools: Any = None, llm: Any = None, given: dict[str, Any] | None = None, **more: Any) -> Crew:
    worker = agent("worker", llm or fake(), [make_tool("search")] if tools is None else tools, **(given or {}))
    return Crew(agents=[worker], tasks=[task(0, worker), task(1, worker)], verbose=False, **more)


def kicked_off(made: Crew) -> Any:
    return plain(made.kickoff(inputs=TOPIC))


class Again(FakeLLM):
    """Calls its tool twice with the same arguments, which CrewAI answers from its cache, and then with others."""

    def answer(self, said: Any, tools: Any, response_model: Any) -> Any:
        used = sum(each["role"] == "tool" for each in said)
        if used == 3:
            return f"done {short([each.get('content') for each in said])}"
        called = call_of("search", "same" if used < 2 else "other", {"query": {"type": "string"}})
        return [called | {"id": f"call {used}"}]


class Forgetting(FakeLLM):
    """Has a small window: CrewAI has it summarise what was said."""

    def get_context_window_size(self) -> int:
        return 2500

    def answer(self, said: Any, tools: Any, response_model: Any) -> Any:
        used = sum(each["role"] == "tool" for each in said)
        if tools and used < 3 and "SUMMARY" not in str(said):
            return [call_of("long", f"part {used}", {"query": {"type": "string"}}) | {"id": f"call {used}"}]
        return f"<summary>SUMMARY {short([each.get('content') for each in said])}</summary>"


@tool("long")
def long(query: str) -> str:
    """Finds a lot."""
    journal.note("tool", query)
    return "word " * 450


def delegating() -> Crew:
    first = agent("researcher", fake(), [make_tool("search")], allow_delegation=True)
    second = agent("writer", fake("fake-2"), allow_delegation=True)
    return Crew(agents=[first, second], tasks=[task(0, first), task(1, second)], verbose=False)


def over_mcp() -> Crew:
    shop = Path(__file__).with_name("mcp_shop.py")
    server = MCPServerStdio(command=sys.executable, args=[str(shop)])
    return crew(tools=[], given={"mcps": [server]})


class Winding(Flow):
    """Two starts, or_ and and_, routers and a cycle, crews and direct calls."""

    @start()
    def first(self) -> str:
        return str(fake().call("first"))

    @start()
    def second(self) -> str:
        return str(fake().call("second"))

    @listen(or_("left", "right"))
    def either(self) -> str:
        return str(fake().call("either"))

    @listen(and_(first, second))
    def both(self) -> str:
        return str(crew_of(fake(), flags=(False, True)).kickoff(inputs=TOPIC).raw)

    @router(both)
    def route(self) -> str:
        return self.turn()

    @listen("again")
    def more(self) -> str:
        return str(fake().call(f"more {self.state['turns']}"))

    @router(more)
    def back(self) -> str:
        return self.turn()

    def turn(self) -> str:
        self.state["turns"] = self.state.get("turns", 0) + 1
        fake().call(f"turn {self.state['turns']}")
        return "again" if self.state["turns"] < 3 else "left"


FEATURES: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "reasoning": (lambda: crew(given={"reasoning": True, "max_reasoning_attempts": 2}), kicked_off),
    "output files": (lambda: crew(output_log_file="log.txt"), kicked_off),
    "limits": (lambda: crew(max_rpm=600, given={"max_rpm": 600, "max_execution_time": 60}), kicked_off),
    "callbacks": (lambda: crew(step_callback=lambda _: None, task_callback=lambda _: None), kicked_off),
    "a copy": (lambda: crew().copy(), kicked_off),
    "cached tools": (lambda: crew(llm=Again(model="again"), cache=True), kicked_off),
    "a small window": (lambda: crew(llm=Forgetting(model="forgetting"), tools=[long]), kicked_off),
    "multimodal": (lambda: crew(given={"multimodal": True}), kicked_off),
    "delegation": (delegating, kicked_off),
    "mcp": (over_mcp, kicked_off),
    "an agent alone": (lambda: agent("worker", fake(), [make_tool("search")]), lambda each: each.kickoff("A log?").raw),
    "a winding flow": (Winding, lambda flow: [flow.kickoff(), flow.state["turns"]]),
    "an async flow": (Winding, lambda flow: [asyncio.run(flow.kickoff_async()), flow.state["turns"]]),
}


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    note = journal.note

    def at(n: int) -> None:
        def stop(kind: str, what: str) -> None:
            if kind == "llm" and journal.seen["llm"] == n - 1:
                journal.seen["llm"] += 1
                raise Stop
            note(kind, what)

        monkeypatch.setattr(journal, "note", stop if n else note)

    return at


@pytest.mark.parametrize("name", FEATURES)
def test_stopped_at_any_call_it_goes_on_and_asks_nothing_twice(
    name: str, stop_at: Callable[[int], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make, way = FEATURES[name]
    whole = way(make())
    calls, tools = journal.lines("llm"), journal.lines("tool")
    assert calls
    for n in range(1, calls.total() + 1):
        journal.begin(tmp_path / f"journal {n}")
        stop_at(n)
        with pytest.raises(Stop), omium.execution(f"x{n}"):
            way(make())
        stop_at(0)
        with omium.execution(f"x{n}"):
            assert way(make()) == whole
        assert journal.lines("llm") == calls
        assert journal.lines("tool") == tools
    with omium.execution(f"x{n}", mode="replay"):
        assert way(make()) == whole
    assert journal.lines("llm") == calls
    shop = Path("mcp.lines")
    assert not shop.exists() or len(shop.read_text().splitlines()) == 2 * (1 + calls.total())


def replayed(made: Crew) -> None:
    made.replay(str(made.tasks[1].id), TOPIC)


def trained(made: Crew) -> None:
    if crewai.__version__ < "1.15":
        pytest.skip("this release of CrewAI fails at it by itself")
    made.train(n_iterations=1, filename="trained.pkl", inputs=TOPIC)


@pytest.mark.parametrize("way", [replayed, trained])
def test_crewais_own_replay_and_its_training_are_recorded_too(
    way: Callable[[Crew], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.input", lambda *_: "good")
    made = crew()
    made.kickoff(inputs=TOPIC)
    with omium.execution("x"):
        way(made)
    calls = journal.lines()
    with omium.execution("x"):
        way(made)
    assert journal.lines() == calls
