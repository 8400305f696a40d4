"""Tokens: billed and replayed add up to an undisturbed run, and the log counts what was paid."""

import pytest
from crewai import Crew
from fake import fake, journal, make_tool
from scenarios import TOPIC, agent, crew_of, plain, task

import omium
from omium.crewai import Usage, usage


def test_a_first_run_is_billed_and_a_replay_is_not() -> None:
    with omium.execution("x") as run:
        output = crew_of(fake()).kickoff(inputs=TOPIC)
    whole = {name: count for name, count in output.token_usage.model_dump().items() if count}
    assert usage(run) == Usage(whole, {})
    with omium.execution("x") as run:
        assert crew_of(fake()).kickoff(inputs=TOPIC).token_usage == output.token_usage
    assert usage(run) == Usage({}, whole)


@pytest.mark.parametrize("n", range(1, 8))
def test_billed_and_replayed_add_up_after_a_failure(n: int) -> None:
    whole = plain(crew_of(fake()).kickoff(inputs=TOPIC))["tokens"]
    llm = fake()

    class Stop(BaseException):
        pass

    journal.seen.clear()
    note = journal.note

    def stop(kind: str, what: str) -> None:
        if kind == "llm" and journal.seen["llm"] == n:
            raise Stop
        note(kind, what)

    journal.note = stop  # type: ignore[method-assign]
    try:
        with pytest.raises(Stop), omium.execution("x") as run:
            crew_of(llm).kickoff(inputs=TOPIC)
    finally:
        journal.note = note  # type: ignore[method-assign]
    assert usage(run).billed["total_tokens"] == 110 * n
    with omium.execution("x") as run:
        assert plain(crew_of(fake()).kickoff(inputs=TOPIC))["tokens"] == whole
    spent = usage(run)
    assert spent.replayed["total_tokens"] == 110 * n
    for name, count in whole.items():
        assert spent.billed.get(name, 0) + spent.replayed.get(name, 0) == count


def test_the_log_counts_each_call_once_as_the_budget_does() -> None:
    with omium.execution("x") as run:
        crew_of(fake()).kickoff(inputs=TOPIC)
    entries = run.checkpoints()
    assert [each.usage["input_tokens"] for each in entries if each.kind == "llm"] == [100] * 8
    assert all(not each.usage for each in entries if each.kind != "llm")


def test_an_execution_this_process_did_not_run() -> None:
    with omium.execution("x"):
        pass
    assert usage(omium.get("x")) == Usage({}, {})


def test_a_model_shared_by_threads_is_counted_right() -> None:
    llm = fake()
    workers = [agent(f"worker {n}", llm, [make_tool(f"tool{n}")]) for n in range(4)]

    def crew() -> Crew:
        tasks = [task(n, each, async_execution=n < 3) for n, each in enumerate(workers)]
        return Crew(agents=workers, tasks=tasks, verbose=False)

    with omium.execution("x") as run:
        crew().kickoff(inputs=TOPIC)
    assert usage(run).billed["total_tokens"] == 110 * 8
