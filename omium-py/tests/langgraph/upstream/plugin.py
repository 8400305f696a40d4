"""pytest plugin: makes the savers that stand in for LangGraph's own in its test suite, and counts them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

made = 0


def directory() -> str:
    """A fresh one for a store, gone when the tests are over."""
    global made
    made += 1
    path = tempfile.mkdtemp(prefix="omium-upstream-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Each worker says how many savers its tests asked for; the controller adds them up."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["omium_savers"] = made


def pytest_testnodedown(node: object) -> None:
    global made
    made += getattr(node, "workeroutput", {}).get("omium_savers", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"omium savers in place of LangGraph's: {made}")
