"""These tests run where CrewAI is installed: `make test-crewai`."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

collect_ignore_glob = ["*"] if find_spec("crewai") is None else []


@pytest.fixture(autouse=True)
def seams(tmp_path: Path) -> Iterator[None]:
    """Each test has a journal of its own, and the seams with their default policies."""
    from fake import journal

    import omium

    omium.crewai.instrument()
    journal.begin(tmp_path / "journal")
    yield
    omium.crewai.instrument()
