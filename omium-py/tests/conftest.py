"""What every test starts from: a store of its own, and a count of what really ran."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import omium


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of this test's store; nothing of the machine's own settings applies."""
    monkeypatch.delenv("OMIUM_STORE", raising=False)
    monkeypatch.delenv("OMIUM_DURABILITY", raising=False)
    monkeypatch.delenv("OMIUM_THREADS", raising=False)
    path = tmp_path / "store"
    omium.init(store=path)
    return path


@pytest.fixture
def ran() -> Counter[str]:
    """How often each body ran: `ran["search"] += 1`."""
    return Counter()
