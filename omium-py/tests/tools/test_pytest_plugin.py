"""The fixture `omium_replay`, in a pytest of its own."""

from __future__ import annotations

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
