"""Going back to a task, forking with another output, and what only runs again."""

from pathlib import Path
from typing import Any

import pytest
from crewai import Crew, Task
from crewai.tasks.conditional_task import ConditionalTask
from crewai.tools import tool
from fake import fake, journal, make_tool
from scenarios import TOPIC, Report, agent, crew_of, plain, task, unfinished

import omium
from omium.exceptions import InvalidInput


def seqs(id: str) -> dict[str, int]:
    return {each.name: each.seq for each in omium.get(id).checkpoints() if each.name.startswith("task-")}


def run(id: str) -> dict[str, Any]:
    with omium.execution(id):
        return plain(crew_of(fake()).kickoff(inputs=TOPIC))


def models() -> int:
    return journal.lines("llm").total()


@pytest.mark.parametrize("n", range(5))
def test_rolled_back_to_a_task_the_tasks_after_it_run_again(n: int) -> None:
    result, calls = run("x"), models()
    before = {name: seq for name, seq in seqs("x").items() if int(name[-1]) <= n}
    omium.get("x").rollback(to=max(before.values(), default=0))
    assert seqs("x") == before
    assert run("x") == result
    assert models() - calls == 8 - [0, 3, 4, 7, 8][n], "three calls of the one with tools, one of the other"


@pytest.mark.parametrize("n", range(1, 5))
def test_a_fork_with_another_output_runs_only_what_comes_after(n: int) -> None:
    result, calls = run("x"), models()
    omium.get("x").fork(at=seqs("x")[f"task-{n}"], id="y", edit={f"task-{n}": "something else"})
    forked = run("y")
    assert forked["tasks"][n - 1][1] == "something else"
    assert forked["tasks"][: n - 1] == result["tasks"][: n - 1]
    assert all(one != other for one, other in zip(forked["tasks"][n:], result["tasks"][n:], strict=True))
    assert models() - calls == 8 - [0, 3, 4, 7, 8][n]
    assert run("x") == result, "the original is what it was"


def independent() -> Crew:
    """The third needs the first; the second nobody."""
    worker = agent("worker", fake(), [make_tool("search")])
    first, second = task(0, worker), task(1, worker, context=[])
    return Crew(agents=[worker], tasks=[first, second, task(2, worker, context=[first])], verbose=False)


def test_what_does_not_depend_on_an_edit_stays() -> None:
    with omium.execution("x"):
        result = plain(independent().kickoff(inputs=TOPIC))
    calls = models()
    at = seqs("x")
    omium.get("x").fork(at=at["task-2"], id="y", edit={at["task-1"]: "something else"})
    with omium.execution("y"):
        forked = plain(independent().kickoff(inputs=TOPIC))
    assert forked["tasks"][1] == result["tasks"][1]
    assert forked["tasks"][2] != result["tasks"][2]
    assert models() - calls == 2


def test_an_edit_of_a_model_is_checked() -> None:
    def crew() -> Crew:
        worker = agent("worker", fake())
        report = Task(description="Report with a score", expected_output="JSON", agent=worker, output_pydantic=Report)
        return Crew(agents=[worker], tasks=[report, task(1, worker)], verbose=False)

    with omium.execution("x"):
        crew().kickoff(inputs=TOPIC)
    at = seqs("x")["task-1"]
    omium.get("x").fork(at=at, id="y", edit={"task-1": '{"title": "mine", "score": 1}'})
    with omium.execution("y"):
        output = crew().kickoff(inputs=TOPIC)
    assert output.tasks_output[0].pydantic == Report(title="mine", score=1)
    omium.get("x").fork(at=at, id="z", edit={"task-1": "no JSON"})
    with pytest.raises(InvalidInput, match="Report"), omium.execution("z"):
        crew().kickoff(inputs=TOPIC)


def test_a_changed_task_runs_again_and_so_does_what_depends_on_it() -> None:
    unfinished("x", lambda: crew_of(fake()).kickoff(inputs=TOPIC))
    calls = models()
    crew = crew_of(fake())
    crew.tasks[2].expected_output = "a text of 12:01"
    with pytest.warns(UserWarning, match=r"'task-3' was done at x@\d+ and runs again") as told, omium.execution("x"):
        crew.kickoff(inputs=TOPIC)
    assert models() - calls == 4
    said = [str(each.message) for each in told if "runs again" in str(each.message)]
    assert len(said) == 1, "the last one follows from it"
    assert "a text of 12:01" in said[0]
    notes = [each for each in omium.config.store().entries("x") if each.kind == "note"]
    assert [each.name for each in notes if "runs again" in each.name] == ["task-3 runs again"]


def test_other_inputs_are_refused_before_anything_runs() -> None:
    unfinished("x", lambda: crew_of(fake()).kickoff(inputs=TOPIC))
    calls = journal.lines()
    with pytest.raises(omium.Divergence, match="crew"), omium.execution("x"):
        crew_of(fake()).kickoff(inputs={"topic": "tapes"})
    assert journal.lines() == calls


def test_what_crewais_own_checkpoints_cannot_keep() -> None:
    """Tools that are functions, callbacks and guardrails that are lambdas, models of the user's own."""
    seen: list[str] = []

    @tool
    def look(query: str) -> str:
        """Looks."""
        journal.note("tool", query)
        return "seen"

    def crew() -> Crew:
        worker = agent("worker", fake(), [look])
        first = task(0, worker, callback=lambda output: seen.append(output.raw))
        last = task(1, worker, guardrail=lambda output: (True, output.raw))
        return Crew(agents=[worker], tasks=[first, last], verbose=False)

    result = unfinished("x", lambda: plain(crew().kickoff(inputs=TOPIC)))
    calls = journal.lines()
    with omium.execution("x"):
        assert plain(crew().kickoff(inputs=TOPIC)) == result
    assert journal.lines() == calls
    assert len(seen) == 1, "the callback of a finished task is not called again"


def test_a_conditional_task_is_decided_again_on_the_recorded_output() -> None:
    asked: list[str] = []

    def crew() -> Crew:
        worker = agent("worker", fake())

        def decide(output: Any) -> bool:
            asked.append(output.raw)
            return False

        skipped = ConditionalTask(description="maybe", expected_output="x", agent=worker, condition=decide)
        return Crew(agents=[worker], tasks=[task(0, worker), skipped, task(2, worker)], verbose=False)

    with omium.execution("x"):
        result = plain(crew().kickoff(inputs=TOPIC))
    with omium.execution("x"):
        assert plain(crew().kickoff(inputs=TOPIC)) == result
    assert len(asked) == 2
    assert asked[0] == asked[1]


def test_outputs_come_back_as_what_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "out.txt"

    def crew() -> Crew:
        worker = agent("worker", fake())
        tasks = [
            Task(description="Report with a score", expected_output="JSON", agent=worker, output_json=Report),
            Task(description="Report with a score", expected_output="JSON", agent=worker, output_pydantic=Report),
            task(2, worker, output_file=file.name, name="last"),
        ]
        return Crew(agents=[worker], tasks=tasks, verbose=False)

    with omium.execution("x"):
        first = crew().kickoff(inputs=TOPIC)
    text = file.read_text()
    file.unlink()
    again = crew()
    with omium.execution("x"):
        second = again.kickoff(inputs=TOPIC)
    assert first.model_dump() == second.model_dump()
    assert [each.output for each in again.tasks] == second.tasks_output
    assert type(second.tasks_output[1].pydantic) is Report
    assert second.tasks_output[0].json_dict == first.tasks_output[0].json_dict
    assert text
    assert not file.exists(), "the file of a finished task is not written again"
