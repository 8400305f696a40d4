"""Memory, knowledge and plans: what an agent was told then, it is told again."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from crewai import Crew
from crewai.knowledge.knowledge import Knowledge
from crewai.knowledge.source.string_knowledge_source import StringKnowledgeSource
from crewai.knowledge.storage.base_knowledge_storage import BaseKnowledgeStorage
from crewai.memory.unified_memory import Memory
from fake import FakeLLM, fake, journal, make_tool
from scenarios import TOPIC, agent, crew_of, plain, task

import omium


class Stop(BaseException):
    """Ends a run where a kill would."""


def embed(texts: list[str]) -> list[list[float]]:
    journal.note("embed", "x")
    return [[float(len(text) % 7), 1.0, float(text.count("e") % 5)] for text in texts]


def memory(path: Path) -> Memory:
    return Memory(llm=fake("fake-memory"), embedder=embed, storage=str(path))


def remembering(path: Path, last: Any = None) -> Crew:
    worker = agent("worker", fake(), [make_tool("search")])
    writer = agent("writer", last or fake("fake-2"))
    tasks = [task(0, worker), task(1, writer)]
    return Crew(agents=[worker, writer], tasks=tasks, memory=memory(path), verbose=False)


class StopsLLM(FakeLLM):
    """Ends the run at the call after so many."""

    after: int = 0

    def answer(self, said: Any, tools: Any, response_model: Any) -> Any:
        self.after -= 1
        if self.after < 0:
            raise Stop
        return super().answer(said, tools, response_model)


def test_memories_are_recalled_and_saved_once(tmp_path: Path) -> None:
    whole = plain(remembering(tmp_path / "a").kickoff(inputs=TOPIC))
    calls = journal.lines("llm")
    assert any("embed" in line for line in journal.lines("embed"))
    journal.path.unlink()
    with pytest.raises(Stop), omium.execution("x"):
        remembering(tmp_path / "b", StopsLLM(model="fake-2")).kickoff(inputs=TOPIC)
    saved = journal.lines("embed").total()
    with omium.execution("x"):
        assert plain(remembering(tmp_path / "b").kickoff(inputs=TOPIC)) == whole
    assert (journal.lines("llm") - calls).total() == 1, "the call that was stopped"
    done = journal.lines()
    with omium.execution("x"):
        assert plain(remembering(tmp_path / "b").kickoff(inputs=TOPIC)) == whole
    assert journal.lines() == done
    assert done["embed x"] > saved
    names = {each.name for each in omium.get("x").checkpoints()}
    assert {"memory.recall", "memory.save"} <= names


def test_what_a_memory_holds_by_now_does_not_change_a_resumed_prompt(tmp_path: Path) -> None:
    with pytest.raises(Stop), omium.execution("x"):
        remembering(tmp_path / "a", StopsLLM(model="fake-2", after=1)).kickoff(inputs=TOPIC)
    other = memory(tmp_path / "a")
    other.remember("Part 1 about logs: somebody else was here", scope="/", categories=["x"], importance=0.9)
    other.close()
    calls = journal.lines("llm")
    with omium.execution("x"):
        remembering(tmp_path / "a").kickoff(inputs=TOPIC)
    again = {line for line in calls if journal.lines("llm")[line] > calls[line]}
    assert len(again) == 1, "the call that was stopped"


def test_a_task_is_done_when_its_memories_are_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = Memory._encode_batch

    def slowly(self: Memory, *args: Any, **kwargs: Any) -> Any:
        time.sleep(0.3)
        return encode(self, *args, **kwargs)

    monkeypatch.setattr(Memory, "_encode_batch", slowly)
    with omium.execution("x") as run:
        remembering(tmp_path / "a").kickoff(inputs=TOPIC)
    names = [each.name for each in run.checkpoints()]
    saves = names[: names.index("task-1")].count("memory.save")
    assert saves == 2, "what its tool saved, and what was saved in the background at its end"


def test_embeddings_are_not_kept(tmp_path: Path) -> None:
    with omium.execution("x") as run:
        first = memory(tmp_path / "a")
        first.remember("one", scope="/", categories=["x"], importance=0.5)
        found = first.recall("one", depth="shallow")
    assert found
    kept = next(each.value for each in run.checkpoints() if each.name == "memory.recall")
    assert [each.record.content for each in kept] == [each.record.content for each in found]
    assert all(each.record.embedding is None for each in kept)


class Shelf(BaseKnowledgeStorage):
    def search(self, query: Any, limit: int = 5, metadata_filter: Any = None, score_threshold: float = 0.6) -> Any:
        journal.note("search", str(query[0])[:20].replace("\n", " "))
        number = journal.lines("search").total()
        return [{"id": str(number), "content": f"fact {number}", "metadata": {}, "score": 1.0}]

    async def asearch(self, *args: Any, **kwargs: Any) -> Any:
        return self.search(*args, **kwargs)

    def save(self, documents: Any) -> None: ...
    async def asave(self, documents: Any) -> None: ...
    def reset(self) -> None: ...
    async def areset(self) -> None: ...


def knowing(last: Any = None) -> Crew:
    workers = [agent("worker", fake()), agent("writer", last or fake("fake-2"))]
    crew = Crew(agents=workers, tasks=[task(n, each) for n, each in enumerate(workers)], verbose=False)
    source = StringKnowledgeSource(content="facts")
    crew.knowledge = Knowledge(collection_name="x", sources=[source], storage=Shelf())
    return crew


def calls_to(kind: str, lines: Counter[str]) -> int:
    return sum(count for line, count in lines.items() if line.startswith(kind))


@pytest.mark.parametrize("native_async", [False, True])
def test_what_was_looked_up_stays_what_it_was(native_async: bool) -> None:
    import asyncio

    def run(crew: Crew) -> Any:
        return plain(asyncio.run(crew.akickoff(inputs=TOPIC)) if native_async else crew.kickoff(inputs=TOPIC))

    with pytest.raises(Stop), omium.execution("x"):
        run(knowing(StopsLLM(model="fake-2", after=1)))
    calls = journal.lines()
    with omium.execution("x"):
        result = run(knowing())
    assert journal.lines("search").total() == calls_to("search", calls) == 2
    with omium.execution("x"):
        assert run(knowing()) == result


def test_a_plan_is_made_once() -> None:
    def crew(last: Any = None) -> Crew:
        made = crew_of(fake(), planning=True, planning_llm=Planner(model="fake-planner"))
        if last is not None:
            made.agents[1].llm = last
        return made

    whole = plain(crew().kickoff(inputs=TOPIC))
    calls = journal.lines("llm").total()
    with pytest.raises(Stop), omium.execution("x"):
        crew(StopsLLM(model="fake-2")).kickoff(inputs=TOPIC)
    with omium.execution("x"):
        assert plain(crew().kickoff(inputs=TOPIC)) == whole
    assert journal.lines("llm").total() == 2 * calls + 1, "all but the call that was stopped only once"
    done = next(each.value for each in omium.get("x").checkpoints() if each.name == "task-1")
    assert "plan 1" in done["description"]


class Planner(FakeLLM):
    """Plans each of the four tasks."""

    def answer(self, said: Any, tools: Any, response_model: Any) -> Any:
        import json

        plans = [{"task_number": n, "task": f"task {n}", "plan": f" plan {n}"} for n in range(1, 5)]
        data = {"list_of_plans_per_task": plans}
        return json.dumps(data) if response_model is None else response_model.model_validate(data)
