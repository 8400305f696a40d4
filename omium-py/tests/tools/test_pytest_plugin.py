"""The fixture `omium_replay`, in a pytest of its own."""

from __future__ import annotations

import shutil

import pytest
from desk import Desk

AGENT = """
    import omium

    @omium.step
    def search(point):
        print("a step ran")
        if point == "fails":
            raise ValueError("nothing found")
        return f"{point}: found"

    @omium.workflow
    def report(topic):
        return [search(topic), search("leases")]

    @omium.workflow
    async def areport(topic):
        return [search(topic)]

    async def aloose():
        await areport("leases")
        return search("more")

    def loose():
        return [search("crashes"), search("more")]
"""
TEST = """
    import agent

    def test_replay(omium_replay):
        report = omium_replay("run.omx", {program})
        assert report.steps == {steps}
"""


@pytest.fixture
def agent(desk: Desk) -> Desk:
    desk.script(AGENT, "agent.py")
    return desk


def record(desk: Desk, line: str) -> None:
    desk.run("-c", f"import agent, omium\n{line}")
    code, _, err = desk.omium("export", "r", "-o", "run.omx")
    assert code == 0, err


def outcome(desk: Desk, program: str, steps: int) -> tuple[int, str]:
    desk.script(TEST.format(program=program, steps=steps), "test_it.py")
    done = desk.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")
    return done.returncode, done.stdout.decode()


def test_the_same_code_passes_and_runs_nothing(agent: Desk) -> None:
    record(agent, "agent.report.options(id='r').start('crashes')")
    for program in ("agent.report", "None"):
        code, out = outcome(agent, program, 2)
        assert code == 0, out
        assert "a step ran" not in out


def test_changed_code_fails_and_shows_where(agent: Desk) -> None:
    record(agent, "agent.report.options(id='r').start('crashes')")
    agent.script(AGENT.replace('search("leases")', 'search("locks")'), "agent.py")
    code, out = outcome(agent, "agent.report", 2)
    assert code == 1
    assert "the code diverges from run.omx at @2" in out
    assert "'leases' → 'locks'" in out
    assert "a step ran" not in out


def test_another_result_fails(agent: Desk) -> None:
    record(agent, "agent.report.options(id='r').start('crashes')")
    agent.script(AGENT.replace('search("leases")]', 'search("leases"), 1]'), "agent.py")
    code, out = outcome(agent, "agent.report", 2)
    assert (code, "the result is another one" in out) == (1, True)


def test_an_async_workflow(agent: Desk) -> None:
    record(agent, "import asyncio; asyncio.run(agent.areport.options(id='r').start('crashes'))")
    code, out = outcome(agent, "agent.areport", 1)
    assert code == 0, out


def test_loose_code(agent: Desk) -> None:
    record(agent, "with omium.execution('r'): agent.loose()")
    code, out = outcome(agent, "agent.loose", 2)
    assert code == 0, out
    agent.script(AGENT.replace('search("more")', 'search("less")'), "agent.py")
    code, out = outcome(agent, "agent.loose", 2)
    assert (code, "'more' → 'less'" in out) == (1, True)


def test_a_failing_run_stays_failing(agent: Desk) -> None:
    record(agent, "agent.report.options(id='r').start('fails')")
    code, out = outcome(agent, "agent.report", 1)
    assert code == 0, out
    agent.script(AGENT.replace("[search(topic), ", "[topic, "), "agent.py")
    assert outcome(agent, "agent.report", 1)[0] == 1


def test_the_plugin_opens_no_store_until_it_is_used(agent: Desk) -> None:
    agent.script("def test_nothing(): import pathlib; assert not pathlib.Path('.omium').exists()", "test_it.py")
    code = "import sys, pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', 'test_it.py']))"
    assert agent.run("-c", code).returncode == 0


def test_an_async_function(agent: Desk) -> None:
    record(agent, "import asyncio\nwith omium.execution('r'): asyncio.run(agent.aloose())")
    code, out = outcome(agent, "agent.aloose", 2)
    assert code == 0, out
    code, out = outcome(agent, "lambda: agent.aloose()", 2)
    assert (code, "give omium_replay an async function" in out) == (1, True)


def test_an_async_test(agent: Desk) -> None:
    record(agent, "import asyncio\nasyncio.run(agent.areport.options(id='r').start('crashes'))")
    agent.script(
        """
        import asyncio
        import agent

        def test_replay(omium_replay):
            async def test():
                assert omium_replay("run.omx", agent.areport).steps == 1
            asyncio.run(test())
    """,
        "test_it.py",
    )
    done = agent.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")
    assert done.returncode == 0, done.stdout.decode()


def test_a_file_that_is_not_there_is_named(agent: Desk) -> None:
    code, out = outcome(agent, "agent.report", 0)
    assert code == 1
    assert f"there is no file {agent.directory / 'run.omx'}: omium export EXEC -o run.omx makes one" in out


BLOCKS = """
    import asyncio, sys
    import omium

    @omium.effect(in_doubt="retry")
    async def send(number):
        print("an effect ran")

    async def amain(number=1):
        for attempt in range(2):
            try:
                async with omium.execution("r"):
                    await send(number)
                    if attempt == 0:
                        raise OSError("a bad line")
            except OSError:
                pass

    def main():
        asyncio.run(amain())

    def other():
        with omium.execution("s"):
            pass
"""


def test_a_program_that_opens_the_execution_itself(agent: Desk) -> None:
    agent.script(BLOCKS, "agent.py")
    record(agent, "agent.main()")
    # Without the store of the run, as on another machine; and with it, as where it was made.
    for _ in range(2):
        for program in ("agent.main", "agent.amain"):
            code, out = outcome(agent, program, 1)
            assert (code, "an effect ran" in out) == (0, False), out
        code, out = outcome(agent, "lambda: agent.asyncio.run(agent.amain(2))", 1)
        assert (code, "an effect ran" in out, "number: 1 → 2" in out) == (1, False, True), out
        shutil.rmtree(agent.directory / ".omium", ignore_errors=True)
    assert not (agent.directory / ".omium").exists()


def test_a_program_that_opens_another_execution(agent: Desk) -> None:
    agent.script(BLOCKS, "agent.py")
    record(agent, "agent.main()")
    code, out = outcome(agent, "agent.other", 1)
    assert (code, 'run.omx holds: the store has no execution "s"' in out) == (1, True), out


GRAPH = """
    import omium
    from langgraph.graph import END, START, StateGraph

    @omium.effect(in_doubt="retry")
    def send():
        print("an effect ran")

    def buy(state):
        return {"count": send()}

    def build(name="buy"):
        builder = StateGraph(dict)
        builder.add_node(name, buy)
        builder.add_edge(START, name)
        builder.add_edge(name, END)
        return builder

    def invoke():
        graph = build().compile(checkpointer=omium.langgraph.Saver())
        graph.invoke({"count": 1}, {"configurable": {"thread_id": "r"}})

    @omium.workflow
    def flow():
        invoke()
"""


def test_a_thread_of_a_graph(agent: Desk) -> None:
    agent.script(GRAPH, "agent.py")
    record(agent, "agent.invoke()")
    code, out = outcome(agent, "agent.build", 3)
    assert (code, "an effect ran" in out) == (0, False), out
    code, out = outcome(agent, "agent.build('sell')", 3)
    assert (code, "buy ran next, it would run" in out) == (1, True), out
    code, out = outcome(agent, "None", 3)
    assert (code, "give omium_replay its graph" in out) == (1, True), out


def test_a_graph_within_a_program_is_not_run(agent: Desk) -> None:
    agent.script(GRAPH, "agent.py")
    record(agent, "agent.flow.options(id='r').start()")
    code, out = outcome(agent, "agent.flow", 0)
    assert (code, "an effect ran" in out, "an execution of its own" in out) == (1, False, True), out
