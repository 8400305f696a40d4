"""Every way of running CrewAI: recorded it does the same, and answered from the record it costs nothing."""

import pytest
from fake import journal
from scenarios import SCENARIOS

import omium


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_recorded_run_is_the_same_and_its_record_answers_all_of_it(name: str) -> None:
    plain = SCENARIOS[name]()
    calls = journal.lines()
    journal.path.unlink()
    with omium.execution("crew-7"):
        assert SCENARIOS[name]() == plain
    assert journal.lines() == calls
    with omium.execution("crew-7"):
        assert SCENARIOS[name]() == plain
    with omium.execution("crew-7", mode="replay"):
        assert SCENARIOS[name]() == plain
    assert journal.lines() == calls, "nothing was called again"


@pytest.mark.parametrize("name", SCENARIOS)
def test_without_an_execution_nothing_is_recorded(name: str) -> None:
    SCENARIOS[name]()
    assert omium.executions() == []
