"""check, prune, gc, doctor, init and completions."""

import json
import re
import shutil
import subprocess

import pytest


def sizes(text):
    return re.sub(r"\d+(\.\d)? (B|KB|MB|GB|TB)\b", "SIZE", text)


def test_check(place, snapshot):
    assert str(place.omium("check")) == snapshot(name="quick")
    assert str(place.omium("check", "--full")) == snapshot(name="full")
    told = json.loads(place.omium("check", "--full", "--json").out)
    assert (told["ok"], told["problems"]) == (True, [])


def test_prune_plans_then_acts(place, snapshot):
    place.omium("rollback", "report-1", "--to", "2")
    place.omium("resume", "report-1", STYLE="short")
    before = place.omium("log", "report-1", "--all", "--json").out
    assert str(place.omium("prune", "--abandoned", "--dry-run")) == snapshot(name="plan")
    assert place.omium("log", "report-1", "--all", "--json").out == before
    assert str(place.omium("prune", "--abandoned")) == snapshot(name="act")
    assert [entry["seq"] for entry in json.loads(place.omium("log", "report-1", "--all", "--json").out)] == [1, 2, 5, 6]
    assert str(place.omium("prune", "--abandoned")) == snapshot(name="again")


def test_prune_by_count_and_by_age(place, snapshot):
    assert str(place.omium("prune", "--keep-last", "1", "--dry-run")) == snapshot(name="count")
    assert str(place.omium("prune", "--older-than", "30d")) == snapshot(name="nothing is that old")
    assert str(place.omium("prune", "--older-than", "0s", "report-1")) == snapshot(name="one execution")
    assert place.omium("show", "report-1").code == 1


def test_prune_as_json(place):
    told = json.loads(place.omium("prune", "--older-than", "0s", "--dry-run", "--json").out)
    assert sorted(told["executions"]) == ["failed-1", "report-1", "thread-1"]
    assert told["done"] is False


def test_gc(place, snapshot):
    place.omium("prune", "--older-than", "0s")
    done = place.omium("gc")
    assert re.sub(r"\d+ chunks?", "N chunks", sizes(str(done))) == snapshot
    assert place.omium("check", "--full").code == 0
    assert json.loads(place.omium("gc", "--json").out)["chunks_removed"] == 0


def test_doctor(place, snapshot):
    done = place.omium("doctor")
    text = re.sub(r"[\d.]+ ms, the floor", "N ms, the floor", sizes(str(done)))
    text = re.sub(r"(?m)^(. (omium|python|lang[a-z-]+|pydantic|httpx|crewai)) .*", r"\1", text)
    assert text == snapshot
    assert json.loads(place.omium("doctor", "--json").out)["ok"] is True


def test_doctor_without_a_store(empty):
    done = empty.omium("doctor")
    assert done.code == 0
    assert "not there yet" in done.out


def test_doctor_of_what_is_no_store(empty):
    (empty.directory / "notes").mkdir()
    (empty.directory / "notes" / "todo.txt").write_text("milk")
    done = empty.omium("doctor", "--store", "notes")
    assert done.code == 1
    assert "✗" in done.out


def test_init(empty, snapshot):
    subprocess.run(["git", "init", "-q"], cwd=empty.directory, check=True)
    assert str(empty.omium("init")) == snapshot(name="first")
    assert (empty.directory / ".gitignore").read_text() == ".omium/\n"
    assert str(empty.omium("init")) == snapshot(name="again")
    assert (empty.directory / ".gitignore").read_text() == ".omium/\n"
    assert empty.omium("ls").code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions(empty, shell, snapshot):
    done = empty.omium("completions", shell)
    assert str(done) == snapshot
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=done.out, text=True, check=True)


def test_bash_completes_verbs_options_and_ids(place):
    script = place.directory / "omium.bash"
    script.write_text(place.omium("completions", "bash").out)
    binary = place.directory / "omium"
    binary.write_text('#!/bin/sh\nexec python -m omium.cli "$@"\n')
    binary.chmod(0o755)

    def complete(*words):
        typed = " ".join(f"'{word}'" for word in words)
        ask = f'source {script}; COMP_WORDS=(omium {typed}); COMP_CWORD={len(words)}; _omium; echo "${{COMPREPLY[*]}}"'
        path = place.environment()["PATH"]
        env = place.environment(PATH=f"{place.directory}:{path}")
        return subprocess.run(["bash", "-c", ask], cwd=place.directory, env=env, capture_output=True, text=True).stdout

    assert complete("ro").split() == ["rollback"]
    assert complete("log", "--gr").split() == ["--graph"]
    assert complete("show", "crash").split() == ["crashed-1"]
