"""Which versions of LangGraph are taken, and what is said of the others."""

import importlib
import importlib.metadata
import sys

import pytest

import omium
from omium.langgraph.versions import check


@pytest.mark.parametrize("version", ["0.6.11", "1.0.10", "1.1.2", "2.0.0", "2.0.0rc1"])
def test_another_version_is_named(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr("omium.langgraph.versions.version", lambda _: version)
    with pytest.raises(
        omium.FrameworkUnsupported, match=rf"langgraph {version} .* pip install 'langgraph>=1\.1\.3,<2'"
    ):
        check()


@pytest.mark.parametrize("version", ["1.1.3", "1.2.22", "1.10.0", "1.3.0a2"])
def test_a_known_version_is_taken(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr("omium.langgraph.versions.version", lambda _: version)
    check()


def test_without_langgraph_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == "langgraph" or "omium.langgraph" in each]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "langgraph", None)

    def nothing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", nothing)
    with pytest.raises(omium.FrameworkUnsupported, match="LangGraph is not installed: pip install"):
        importlib.import_module("omium.langgraph")
