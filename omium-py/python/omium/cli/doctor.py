"""`omium doctor`: is everything in order? Exit code 1 when something is not."""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from omium.cli._errors import DONE, FAILED
from omium.cli._target import store_path
from omium.cli._terminal import Terminal, plural, visible
from omium.view._text import size

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

__all__ = ["run"]

_LOW_DISK_BYTES = 200_000_000
_SYNCS = 25
_FRAMEWORKS = ("langgraph", "langgraph-checkpoint", "langchain-core", "crewai", "pydantic", "httpx")


class Finding(NamedTuple):
    """One line of the report; `state` says whether it is as it should be."""

    name: str
    state: Literal["ok", "note", "wrong"]
    text: str


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Looks at versions, store, disk and frameworks."""
    findings = [*_versions(), *_store(Path(store_path(arguments)), terminal), *_frameworks()]
    terminal.end_progress()
    wrong = [finding for finding in findings if finding.state == "wrong"]
    if arguments.json:
        terminal.json(
            {
                "ok": not wrong,
                "findings": [
                    {"name": finding.name, "state": finding.state, "text": finding.text} for finding in findings
                ],
            }
        )
        return FAILED if wrong else DONE
    marks = {
        "ok": terminal.style(terminal.glyph("✓", "+"), "green"),
        "note": terminal.style(terminal.glyph("·", "-"), "dim"),
        "wrong": terminal.style(terminal.glyph("✗", "x"), "red"),
    }
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        terminal.print(f"{marks[finding.state]} {finding.name:<{width}}  {visible(finding.text)}")
    if wrong:
        terminal.error(f"{plural(len(wrong), 'thing is', 'things are')} wrong")
        return FAILED
    return DONE


def _versions() -> Iterator[Finding]:
    from omium._omium import __version__

    yield Finding("omium", "ok", f"{__version__} on {platform.system()} {platform.machine()}")
    yield Finding("python", "ok", f"{platform.python_version()}  {sys.executable}")


def _store(path: Path, terminal: Terminal) -> Iterator[Finding]:
    from omium._omium import Store
    from omium.exceptions import OmiumError

    if not path.exists():
        parent = path.resolve().parent
        yield Finding("store", "note", f"{path} is not there yet; the first execution makes it")
        yield from _disk(parent)
        return
    yield Finding("store", "ok", str(path.resolve()))
    yield from _disk(path)
    try:
        store = Store(str(path), create=False, read_only=True)
        stats = store.stats()
        report = store.check(progress=terminal.progress("checking"))
    except OmiumError as error:
        yield Finding("check", "wrong", str(error))
        return
    if store.journal == "wal":
        yield Finding("journal", "ok", "wal")
    else:
        text = "a network file system: the safe journal is used, every commit costs more"
        yield Finding("journal", "note", text)
    counts = f"{plural(stats['executions'], 'execution')}, {plural(stats['entries'], 'entry', 'entries')}"
    yield Finding("content", "ok", f"{counts}, {size(stats['disk_bytes'])} on disk, format {stats['format']}")
    for problem in report.problems:
        yield Finding("check", "wrong", problem)
    if report.ok:
        yield Finding("check", "ok", "nothing is damaged; omium check --full reads everything")


def _disk(directory: Path) -> Iterator[Finding]:
    import shutil

    from omium.config import settings

    yield Finding("durability", "ok", settings().durability)
    free = shutil.disk_usage(directory).free
    low = free < _LOW_DISK_BYTES
    yield Finding("disk", "wrong" if low else "ok", f"{size(free)} free{', which is little' if low else ''}")
    try:
        median = _fdatasync_ms(directory)
    except OSError as error:
        yield Finding("writable", "wrong", f"cannot write to {directory}: {error.strerror}")
        return
    yield Finding("writable", "ok", "yes")
    yield Finding("fdatasync", "ok", f"{median:.2f} ms, the floor of a strict commit on this disk")


def _fdatasync_ms(directory: Path) -> float:
    """The median of a few: what the disk asks for one durable write."""
    import tempfile
    from statistics import median

    sync = getattr(os, "fdatasync", os.fsync)
    took = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(_SYNCS):
            file.write(b"\0" * 4096)
            file.flush()
            began = time.perf_counter()
            sync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return median(took)


def _frameworks() -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, version

    for name in _FRAMEWORKS:
        try:
            yield Finding(name, "ok", version(name))
        except PackageNotFoundError:
            yield Finding(name, "note", "not installed")
