"""Putting the seams in, taking them out, and refusing a CrewAI that is not known."""

import subprocess
import sys
from pathlib import Path

import crewai
import pytest
from crewai.crew import Crew
from crewai.task import Task
from crewai.tools.base_tool import BaseTool
from fake import FakeLLM, fake, journal
from scenarios import SCENARIOS

import omium
from omium.crewai import _tool
from omium.exceptions import FrameworkUnsupported

HERE = Path(__file__).parent


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HERE).stdout


def test_taken_out_everything_is_crewais_own() -> None:
    def methods() -> list[object]:
        return [FakeLLM.__dict__["call"], BaseTool.run, Task._execute_core, Crew.kickoff, Crew.__dict__["akickoff"]]

    patched = methods()
    omium.crewai.uninstrument()
    try:
        assert not any(hasattr(each, "_omium_wrapped") for each in methods())
        with omium.execution("x"):
            SCENARIOS["sequential"]()
        assert omium.get("x").checkpoints() == []
    finally:
        omium.crewai.instrument()
    assert all(hasattr(each, "_omium_wrapped") for each in patched)
    omium.crewai.instrument()
    with omium.execution("y"):
        fake().call("once")
    assert len(omium.get("y").checkpoints()) == 1


def test_init_does_not_import_crewai_and_instruments_it_when_it_is() -> None:
    code = (
        "import sys, offline, omium; omium.init(store='/dev/null/none'); omium.crewai\n"
        "print('crewai' in sys.modules)\n"
        "from crewai import Crew\n"
        "print(hasattr(Crew.kickoff, '_omium_wrapped'))\n"
        "import importlib.resources, crewai\n"
        "print(importlib.resources.files('crewai').joinpath('py.typed').is_file(), crewai.__spec__.loader)"
    )
    first, second, third = python(code).splitlines()
    assert (first, second) == ("False", "True")
    assert third.startswith("True <_frozen_importlib_external.SourceFileLoader")


def test_init_after_crewai() -> None:
    code = "import offline, crewai, omium; omium.init(); print(hasattr(crewai.Crew.kickoff, '_omium_wrapped'))"
    assert python(code).strip() == "True"


@pytest.mark.parametrize("version", ["1.13.0", "1.14.1", "1.14.6", "1.16.0", "2.0.0a1", "0.203.1"])
def test_a_version_that_is_not_known_is_named(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(crewai, "__version__", version)
    omium.crewai.uninstrument()
    with pytest.raises(FrameworkUnsupported, match=rf"crewai {version} .* 1\.14\.7 to 1\.15"):
        omium.crewai.instrument()
    monkeypatch.undo()
    omium.crewai.instrument()


def test_an_unknown_version_refuses_to_be_kicked_off_where_it_would_not_be_recorded() -> None:
    code = (
        "import offline, crewai, omium; crewai.__version__ = '1.99.0'; omium.init(store={store!r})\n"
        "from scenarios import SCENARIOS\n"
        "print(SCENARIOS[{name!r}]() is not None)\n"
        "try:\n"
        "    with omium.execution('x'): SCENARIOS[{name!r}]()\n"
        "except omium.FrameworkUnsupported as error: print(error)"
    )
    for name in ("sequential", "akickoff", "flow"):
        done = python(code.format(store=str(omium.config.settings().store), name=name)).splitlines()
        assert next(line for line in done if line == "True" or "crewai 1.99.0" in line) == "True"
        assert any("crewai 1.99.0 is installed" in line for line in done)


def test_init_keeps_the_policies_a_program_chose(store: Path) -> None:
    omium.crewai.instrument(in_doubt="fail")
    omium.init(store=store)
    assert _tool._policies == {"": "fail"}


def test_a_name_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    omium.crewai.uninstrument()
    monkeypatch.delattr(Task, "_execute_core")
    with pytest.raises(FrameworkUnsupported, match=r"lacks Task\._execute_core"):
        omium.crewai.instrument()
    monkeypatch.undo()
    assert not hasattr(Crew.kickoff, "_omium_wrapped"), "all or nothing"
    omium.crewai.instrument()


def test_no_key_reaches_the_store(store: Path) -> None:
    class Keyed(FakeLLM):
        api_key: str | None = "sk-very-secret-0123456789"

    with omium.execution("x") as run:
        Keyed(model="keyed").call("hello")
    for entry in run.store.entries("x", all=True):
        for value in (entry.input, entry.value, entry.meta):
            assert value is None or b"very-secret" not in value.read()
    assert journal.lines("llm").total() == 1
