"""Runs the real command in a process of its own, in a directory with a store that real programs made."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent


class Done(NamedTuple):
    """What a command left: all of it is what users see."""

    command: str
    code: int
    out: str
    err: str

    def __str__(self):
        parts = [f"$ {self.command}", self.out.rstrip("\n")]
        if self.err:
            parts += ["--- stderr", self.err.rstrip("\n")]
        return "\n".join([*parts, f"--- exit {self.code}"])


class Place:
    """A directory to run commands in."""

    def __init__(self, directory):
        self.directory = directory

    tests = HERE

    def environment(self, **more):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMIUM_", "NO_COLOR"))}
        source = str(HERE.parents[1] / "python")
        return kept | {"PYTHONPATH": source, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8", **more}

    def python(self, program, *arguments, check=True, **environment):
        return subprocess.run(
            [sys.executable, HERE / program, *arguments],
            cwd=self.directory,
            env=self.environment(**environment),
            check=check,
            capture_output=True,
            text=True,
        )

    def outside(self):
        """What programs did outside, in a file of that name."""
        return (self.directory / "outside").read_text()

    def omium(self, *arguments, **environment):
        done = subprocess.run(
            [sys.executable, "-m", "omium.cli", *arguments],
            cwd=self.directory,
            env=self.environment(**environment),
            check=False,
            capture_output=True,
            encoding="utf-8",
        )
        return Done(
            self._same(" ".join(["omium", *arguments])),
            done.returncode,
            self._same(done.stdout),
            self._same(done.stderr),
        )

    def _same(self, text):
        """The text with times, paths and made-up ids replaced by words."""
        text = text.replace(str(self.directory.resolve()), "DIR").replace(str(HERE), "TESTS")
        text = re.sub(r"(just now|\d+ (s|min|h|days) ago) *", "AGO ", text)
        text = re.sub(r"(UPDATED|WHEN) *", r"\1 ", text)
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME", text)
        text = re.sub(r" +(\d+ ms|\d+\.\d s)(?=\s)", "  TOOK", text)
        text = re.sub(r" +TOOK", "  TOOK", text)
        # The note of a failed attempt holds its stack, so its size is that of the checkout's path.
        text = re.sub(r"(a try of .* note) +\d+ B", r"\1  SIZE", text)
        text = re.sub(r'("duration_ms": )\d+', r"\g<1>0", text)
        return re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", text)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """One store with every kind of execution, made once."""
    place = Place(tmp_path_factory.mktemp("made"))
    place.python("program.py", "report-1")
    place.python("program.py", "failed-1", check=False, FAIL="1")
    place.python("program.py", "crashed-1", check=False, DIE="1")
    place.python("thread.py", "thread-1")
    return place.directory


@pytest.fixture(scope="session")
def storied(made, tmp_path_factory):
    """The store after a rollback, a second ending and a fork; only to be read."""
    directory = tmp_path_factory.mktemp("storied") / "work"
    shutil.copytree(made, directory)
    place = Place(directory)
    place.omium("rollback", "report-1", "--to", "2")
    place.omium("resume", "report-1", STYLE="short")
    place.omium("fork", "report-1", "--at", "3", "--id", "report-1-formal")
    place.omium("resume", "report-1-formal", STYLE="formal")
    return place


@pytest.fixture
def place(made, tmp_path):
    """A copy of that store, to do with as the test likes."""
    shutil.copytree(made, tmp_path / "work")
    return Place(tmp_path / "work")


@pytest.fixture(scope="session")
def nested(tmp_path_factory):
    """A store with steps in steps and graphs in graphs; only to be read."""
    place = Place(tmp_path_factory.mktemp("nested"))
    place.python("nested.py", "nest")
    place.python("nested.py", "subs")
    return place


@pytest.fixture(scope="session")
def thirty(tmp_path_factory):
    """A good run of thirty steps, and bad ones for one reason each; only to be read."""
    place = Place(tmp_path_factory.mktemp("thirty"))
    place.python("article.py", "good")
    place.python("article.py", "page", check=False, BAD="1")
    place.python("article.py", "prompt", check=False, BAD="1", PROMPT="Rate: {fact}")
    place.python("article.py", "strict", check=False, STRICT="1")
    return place


@pytest.fixture
def empty(tmp_path):
    """A directory with nothing in it."""
    return Place(tmp_path)
