"""These tests run where CrewAI is installed: `make test-crewai`."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

# This very folder is found by the name as well, as a package without a file.
_found = find_spec("crewai")
collect_ignore_glob = ["*"] if _found is None or _found.origin is None else []


@pytest.fixture(autouse=True)
def seams(tmp_path: Path) -> Iterator[None]:
    """Each test has a journal of its own, and the seams with their default policies."""
    from fake import journal

    import omium

    omium.crewai.instrument()
    journal.begin(tmp_path / "journal")
    yield
    omium.crewai.instrument()
