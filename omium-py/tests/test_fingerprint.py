"""Fingerprints of code: the same for the same code, in any process; another one for other code, and where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import omium
from omium.runtime._code import differences

PROGRAM = '''
import functools, json, time
import prompts
from prompts import ask

PROMPT = "Plan a text on {topic}."
TOOLS = [{"name": "search", "kinds": {"a", "b", "c", "d"}}]
API_KEY = "sk-one"
NEVER = "not used"
count = 0

def shout(text, mark="!"):
    return text.upper() + mark

class Agent:
    model = "gpt-1"

    def think(self, topic):
        return self.model + topic

def fine(result):
    return result != "bad"

def plan(topic, *, deep=False):
    """Makes a plan."""
    global count
    count += 1
    inner = lambda x: x in {"a", "b", "c", "d"}
    json.dumps(TOOLS, default=API_KEY)
    return shout(PROMPT.format(topic=topic)) + prompts.STYLE + ask(topic) + Agent().think(topic) + str(inner)

class Crew:
    def whole(self):
        return self.part() + self.name()

    def part(self):
        return "part"

    def other(self):
        return "other"

    def name(self):
        return "crew"

from omium.runtime._code import Code
if __name__ == "__main__":
    made = Code(plan, ["size(result) > 0", {"type": "string"}, fine]), Code(functools.partial(Crew.whole))
    print(json.dumps([each.fingerprint() for each in made]))
'''
PROMPTS = """
STYLE = "plain"
UNUSED = "x"

def ask(topic):
    return helper(topic) + STYLE

def helper(topic):
    return topic
"""


def fingerprints(directory: Path, program: str = PROGRAM, prompts: str = PROMPTS, seed: str = "1") -> list[Any]:
    directory.mkdir(exist_ok=True)
    (directory / "program.py").write_text(program)
    (directory / "prompts.py").write_text(prompts)
    environment = {**os.environ, "PYTHONPATH": str(Path(omium.__file__).parents[1]), "PYTHONHASHSEED": seed}
    command = [sys.executable, "-B", "program.py"]
    done = subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True)
    found: list[Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return fingerprints(tmp_path_factory.mktemp("first"))


def test_what_counts(first: list[Any]) -> None:
    plan, whole = first
    expected = {"PROMPT", "TOOLS", "shout", "Agent", "prompts.STYLE", "prompts.ask", "prompts.helper"}
    assert set(plan["uses"]) == expected
    assert set(whole["uses"]) == {"part", "name"}
    assert "sk-one" not in json.dumps(first)


SAME = [
    ("\nimport functools", "\n\n# moved\n\nimport functools"),
    ("Makes a plan.", "Makes another plan."),
    ("    inner =", "    # a remark\n    inner ="),
    ('NEVER = "not used"', 'NEVER = "still not used"'),
    ("count = 0", "count = 7"),
    ('"sk-one"', '"sk-two"'),
    ('"other"', '"another"'),
]


@pytest.mark.parametrize(("old", "new"), SAME, ids=[new for _, new in SAME])
def test_what_does_not_matter(first: list[Any], tmp_path: Path, old: str, new: str) -> None:
    assert old in PROGRAM
    assert fingerprints(tmp_path, PROGRAM.replace(old, new), seed="2") == first


CHANGED = [
    ("+ str(inner)", "- str(inner)", ["own"]),
    ('x in {"a", ', 'x in {"b", ', ["own"]),
    ("deep=False", "deep=True", ["own"]),
    ("Plan a text", "Write a text", ["PROMPT"]),
    ('"search"', '"find"', ["TOOLS"]),
    ('mark="!"', 'mark="?"', ["shout"]),
    ("text.upper()", "text.lower()", ["shout"]),
    ("gpt-1", "gpt-2", ["Agent"]),
    ("self.model + topic", "topic", ["Agent"]),
    ("size(result) > 0", "size(result) > 1", ["checks"]),
    ('"type": "string"', '"type": "object"', ["checks"]),
    ('"bad"', '"worse"', ["checks"]),
]


@pytest.mark.parametrize(("old", "new", "where"), CHANGED, ids=[new for _, new, _ in CHANGED])
def test_what_changed(first: list[Any], tmp_path: Path, old: str, new: str, where: list[str]) -> None:
    assert old in PROGRAM
    other = fingerprints(tmp_path, PROGRAM.replace(old, new))
    assert list(differences(first[0], other[0])) == where


def test_other_modules_count_and_methods_too(first: list[Any], tmp_path: Path) -> None:
    other = fingerprints(tmp_path / "a", prompts=PROMPTS.replace("plain", "fine").replace("return topic", "return 1"))
    assert set(differences(first[0], other[0])) == {"prompts.STYLE", "prompts.helper"}
    other = fingerprints(tmp_path / "b", PROGRAM.replace('"part"', '"whole"'))
    assert differences(first[1], other[1]) == ("part",)


def test_versions_of_python_are_not_compared(first: list[Any]) -> None:
    other = {**first[0], "python": "cpython-399", "own": "0"}
    assert differences(first[0], other) == ()
    assert differences(None, first[0]) == ()


def meta(entry: Any) -> Any:
    value = entry.meta
    return None if value is None else omium.codec.loads(value.codec, value.read())


def test_entries_tell_of_their_code_and_the_first_of_the_workflow() -> None:
    @omium.step
    def search() -> str:
        return "found"

    @omium.step(postconditions=["size(result) > 9"])
    def write(text: str) -> str:
        return text

    @omium.effect(postconditions=["size(result) > 9"])
    def send() -> str:
        return "sent"

    @omium.workflow
    def work() -> None:
        search()
        for step in (partial(write, "text"), send):
            with pytest.raises(omium.PostconditionFailed):
                step()

    from functools import partial

    work.options(id="w").start()
    entries = omium.get("w").store.entries("w")
    told = {each.name.rpartition(".")[2]: meta(each) for each in entries if each.status != "intent"}
    assert [sorted(each) for each in told.values()] == [["code", "workflow"], ["code", "failure"], ["code", "failure"]]
    assert set(told["write"]["code"]) == {"python", "own", "checks"}


def test_what_is_not_written_in_python_has_none() -> None:
    with omium.execution("r") as run:
        omium.step(name="size")(len)("abc")
    assert [meta(each) for each in run.store.entries("r")] == [None]
