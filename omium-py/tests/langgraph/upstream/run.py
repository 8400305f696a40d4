"""Runs LangGraph's own test suite with omium.langgraph.Saver in place of its savers.

    python omium-py/tests/langgraph/upstream/run.py [--in-place-of sqlite|memory|nothing] [--jobs N] [pytest arguments]

The suite comes with LangGraph's source distribution, is fetched once and unpacked outside of this
repository. `--in-place-of nothing` runs it as it is, to tell its own failures from ours: there are
none, but with LANGGRAPH_STRICT_MSGPACK=true, where one test of an in-memory saver fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "1.2.22"
# What the suite imports beside what this repository's tests need. Its tests for PostgreSQL and Redis
# are not run, but its conftest imports their clients.
NEEDS = {
    "pytest_mock": "pytest-mock==3.17.0",
    "xdist": "pytest-xdist==3.8.0",
    "langgraph.checkpoint.postgres": "langgraph-checkpoint-postgres==3.2.0",
    "psycopg": "psycopg[binary]==3.3.9",
    "redis": "redis==8.1.0",
    "langgraph.checkpoint.sqlite": "langgraph-checkpoint-sqlite==3.1.2",
}


def cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "omium" / f"langgraph-{VERSION}"


def fetch() -> Path:
    """The directory with the suite. LangGraph's code beside it stays behind: the installed one is tested."""
    suite = cache_directory()
    if (suite / "tests").is_dir():
        return suite
    suite.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=suite.parent) as scratch:
        pip("download", "--no-binary", ":all:", "--no-deps", "--dest", scratch, f"langgraph=={VERSION}")
        with tarfile.open(Path(scratch) / f"langgraph-{VERSION}.tar.gz") as archive:
            wanted = [m for m in archive if m.name.split("/")[1:2] in (["tests"], ["pyproject.toml"])]
            archive.extractall(scratch, members=wanted, filter="data")
        (Path(scratch) / f"langgraph-{VERSION}").rename(suite)
    return suite


def install() -> None:
    missing = [package for module, package in NEEDS.items() if not importable(module)]
    if missing:
        pip("install", *missing)


def importable(module: str) -> bool:
    return subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True).returncode == 0


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--in-place-of", choices=("sqlite", "memory", "nothing"), default="sqlite")
    parser.add_argument("--jobs", default=str(os.cpu_count() or 1), help="tests at once (default: one a core)")
    options, rest = parser.parse_known_args()
    install()
    suite = fetch()
    here = Path(__file__).resolve().parent
    environment = dict(os.environ, NO_DOCKER="true")
    path = [str(here), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    command = [sys.executable, "-m", "pytest", "-q", "-n", options.jobs, "-p", "no:cacheprovider"]
    # The suite's own options ask for plugins that only format its output.
    command += ["-o", "addopts=--strict-markers --strict-config"]
    if options.in_place_of != "nothing":
        command += ["-p", "plugin", "-p", f"in_place_of_{options.in_place_of}"]
    return subprocess.run([*command, *(rest or ["tests"])], cwd=suite, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
