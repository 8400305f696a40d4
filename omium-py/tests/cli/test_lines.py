"""A log as it is read: one line for each thing that was done, and what omium noted in words."""

import json
import shutil

import pytest

from omium.cli._lines import lines


@pytest.fixture(scope="session")
def night(tmp_path_factory, request):
    place = type(request.getfixturevalue("storied"))(tmp_path_factory.mktemp("night"))
    place.python("night.py", "n", check=False, DIE="1")
    place.omium("answer", "n", "--did-not-happen")
    place.python("night.py", "n", check=False, BAD="1")
    place.python("night.py", "n")
    place.omium("answer", "n", "yes")
    place.python("night.py", "n")
    return place


def test_one_line_for_an_effect_with_its_states(night, snapshot):
    assert str(night.omium("log", "n", COLUMNS="120")) == snapshot


def test_the_json_keeps_every_entry(night):
    log = json.loads(night.omium("log", "n", "--json").out)
    assert [entry["seq"] for entry in log] == list(range(1, 1 + len(log)))
    assert [entry["status"] for entry in log if entry["name"] == "mail"] == ["intent", "intent", "intent", "done"]


def test_a_rollback_and_its_undos_in_words(night, tmp_path, snapshot):
    shutil.copytree(night.directory, tmp_path / "work")
    place = type(night)(tmp_path / "work")
    assert place.omium("rollback", "n", "--to", "3").code == 0
    assert str(place.omium("log", "n", "--all", COLUMNS="120")) == snapshot(name="all")
    assert str(place.omium("log", "n", "--graph", COLUMNS="160")) == snapshot(name="graph")


def test_the_last_lines_are_counted_as_lines(night):
    whole, last = (night.omium("log", "n", *limit).out.splitlines() for limit in ([], ["-n", "2"]))
    assert [line.split()[0] for line in last] == ["SEQ", *(line.split()[0] for line in whole[-2:])]


def test_no_entries_make_no_lines():
    assert lines([]) == []
