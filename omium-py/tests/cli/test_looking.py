"""ls, show, log, cat and diff: what they print, and how they exit."""

import json

import pytest

COMMANDS = [
    "--help",
    "ls",
    "ls --status failed",
    "ls --status orphaned",
    "ls --workflow langgraph",
    "ls --prefix cr",
    "ls --prefix nothing-begins-so",
    "ls -n 2",
    "show report-1",
    "show report-1 -n 2",
    "show report-1@1",
    "show report-1@3",
    "show failed-1",
    "show crashed-1",
    "show thread-1",
    "show thread-1@2",
    "show report-1-formal",
    "log report-1",
    "log report-1 --all",
    "log report-1 --graph",
    "log report-1 --graph -n 3",
    "log report-1-formal --graph",
    "log failed-1",
    "log thread-1",
    "log thread-1 --graph",
    "cat report-1",
    "cat report-1 --input",
    "cat report-1@1",
    "cat report-1@1 --input",
    "cat report-1@2 --json",
    "cat failed-1@4",
    "cat thread-1",
    "cat thread-1@2 --name messages",
    "cat thread-1@2 --name nothing",
    "cat thread-1@2 --raw",
    "diff report-1@1 report-1@2",
    "diff report-1@4 report-1",
    "diff report-1 report-1-formal",
    "diff report-1@3",
    "diff report-1@1",
    "diff report-1 report-1",
    "diff thread-1@1 thread-1@3",
    "diff thread-1@2 thread-1@3 --json",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_output(storied, command, snapshot):
    # A graph leaves its columns what room there is; it may not depend on how long a step took, which is left out here.
    width = {"COLUMNS": "200"} if "--graph" in command else {}
    assert str(storied.omium(*command.split(), **width)) == snapshot


@pytest.mark.parametrize("width", ["80", "120"])
@pytest.mark.parametrize("command", ["ls", "show report-1", "log report-1 --graph", "diff thread-1@1 thread-1@3"])
def test_nothing_is_wider_than_the_terminal(storied, command, width):
    out = storied.omium(*command.split(), COLUMNS=width).out
    assert out
    assert max(map(len, out.splitlines())) <= int(width)


def test_json_of_the_reading_verbs(storied):
    listed = json.loads(storied.omium("ls", "--json").out)
    assert {each["id"] for each in listed} == {"report-1", "failed-1", "crashed-1", "thread-1", "report-1-formal"}
    shown = json.loads(storied.omium("show", "report-1", "--json").out)
    assert shown["status"] == "completed"
    assert shown["forks"] == ["report-1-formal"]
    log = json.loads(storied.omium("log", "report-1", "--json").out)
    assert [entry["name"] for entry in log] == ["plan", "search", "search", "write"]
    whole = json.loads(storied.omium("log", "report-1", "--all", "--json").out)
    assert [entry["seq"] for entry in whole if not entry["live"]] == [3, 4]
    entry = json.loads(storied.omium("show", "report-1@1", "--json").out)
    assert entry["values"]["value"]["codec"] == "msgpack"
    difference = json.loads(storied.omium("diff", "report-1@1", "report-1@2", "--json").out)
    assert [change["op"] for change in difference["changes"]] == ["added"]


def test_cat_raw_is_the_bytes_of_the_store(storied):
    assert storied.omium("cat", "thread-1@2", "--name", "count", "--raw").out == "\x00"


def test_json_of_messages_keeps_every_field(storied):
    (message,) = json.loads(storied.omium("cat", "thread-1@2", "--name", "messages", "--json").out)
    assert message["$type"] == "langchain_core.messages.human.HumanMessage"
    assert message["value"]["content"] == "What is an execution?"
    assert "response_metadata" in message["value"]


def test_as_json_nothing_is_left_out_without_saying_so(empty):
    (empty.directory / "many.py").write_text(
        "import omium\n"
        "@omium.step\ndef one(n): return n\n"
        "for id in range(55):\n"
        "    with omium.execution(f'x-{id}'):\n"
        "        for n in range(30 if id == 0 else 1): one(n)\n"
    )
    empty.python(empty.directory / "many.py")
    shown = json.loads(empty.omium("show", "x-0", "--json").out)["entries"]
    assert [each["seq"] for each in shown] == list(range(1, 31))
    assert len(json.loads(empty.omium("show", "x-0", "--json", "--limit", "5").out)["entries"]) == 5
    assert len(json.loads(empty.omium("ls", "--json").out)) == 55
    assert len(json.loads(empty.omium("ls", "--json", "-n", "5").out)) == 5
    assert "18 earlier lines" in empty.omium("show", "x-0").err
