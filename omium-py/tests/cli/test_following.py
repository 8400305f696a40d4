"""log --follow and ls --watch: what changes, as it changes, in a process of its own."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest
from ctrl_c import hears_ctrl_c

SLOW = """
import sys, time
import omium

@omium.step
def note(number):
    if number == 3:
        open("begun", "w").close()
        while not __import__("os").path.exists("go"):
            time.sleep(0.02)
    return number

@omium.workflow
def counting():
    for number in range(1, 6):
        note(number)
    if "bad" in sys.argv:
        raise ValueError("no good")
    return "done"

if __name__ == "__main__":
    counting.options(id="c").start()
"""


@pytest.fixture
def counting(empty):
    """A program that has recorded two steps and waits for the file `go`."""
    (empty.directory / "slow.py").write_text(SLOW)

    def begin(*arguments):
        process = subprocess.Popen(
            [sys.executable, "slow.py", *arguments],
            cwd=empty.directory,
            env=empty.environment(),
            stderr=subprocess.DEVNULL,
        )
        while not (empty.directory / "begun").exists():
            time.sleep(0.02)
        return process

    return begin


def start(place, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "omium.cli", *arguments],
        cwd=place.directory,
        env=place.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hears_ctrl_c,
    )


def go(place):
    (place.directory / "go").touch()


def test_a_log_is_followed_to_the_end(empty, counting):
    program = counting()
    follower = start(empty, "log", "c", "--follow")
    begun = [follower.stdout.readline().split() for _ in range(3)]
    assert [words[:3] for words in begun] == [["SEQ", "NAME", "INPUT"], ["@1", "note", "1"], ["@2", "note", "2"]]
    go(empty)
    out, err = follower.communicate(timeout=30)
    assert [line.split()[:3] for line in out.splitlines()] == [[f"@{n}", "note", str(n)] for n in (3, 4, 5)]
    assert (follower.returncode, err) == (0, "c is running\nc is completed\n")
    assert program.wait(20) == 0


def test_as_json_each_entry_is_a_line(empty, counting):
    program = counting("bad")
    follower = start(empty, "log", "c", "--follow", "--json", "-n", "1")
    assert json.loads(follower.stdout.readline())["seq"] == 2
    go(empty)
    out, err = follower.communicate(timeout=30)
    entries = [json.loads(line) for line in out.splitlines()]
    assert [(entry["seq"], entry["name"]) for entry in entries] == [
        (3, "note"),
        (4, "note"),
        (5, "note"),
        (6, "failure"),
    ]
    assert (follower.returncode, err.splitlines()[-1]) == (0, "c is failed: ValueError: no good")
    program.wait(20)


def test_ctrl_c_ends_it_quietly(empty, counting):
    program = counting()
    for verb in (["log", "c", "--follow"], ["ls", "--watch"]):
        follower = start(empty, *verb)
        follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        _, err = follower.communicate(timeout=20)
        assert follower.returncode == 130
        assert "Traceback" not in err
    go(empty)
    program.wait(20)


def test_a_rollback_is_told_while_it_is_followed(empty, counting):
    program = counting()
    program.kill()
    program.wait()
    follower = start(empty, "log", "c", "--follow")
    for _ in range(3):
        follower.stdout.readline()
    assert empty.omium("rollback", "c", "--to", "1").code == 0
    assert follower.stderr.readline() == "c is orphaned\n"
    assert {follower.stderr.readline(), follower.stderr.readline()} == {"c went back to @1\n", "c is ready\n"}
    go(empty)
    assert empty.omium("resume", "c").code == 0
    out, err = follower.communicate(timeout=30)
    assert [line.split()[0] for line in out.splitlines()] == ["@3", "@4", "@5", "@6"]
    assert (follower.returncode, err.splitlines()[-1]) == (0, "c is completed")


def test_a_tree_is_not_followed(place):
    refused = place.omium("log", "report-1", "--graph", "--follow")
    assert (refused.code, refused.out) == (2, "")


def test_the_list_is_watched_line_by_line(empty, counting):
    program = counting()
    watchers = [start(empty, "ls", "--watch"), start(empty, "ls", "--watch", "--json")]
    assert watchers[0].stdout.readline() == "c  counting  running  @2\n"
    assert json.loads(watchers[1].stdout.readline())["head"] == 2
    go(empty)
    program.wait(20)
    lines = [[], []]
    for watcher, found in zip(watchers, lines, strict=True):
        while not found or "completed" not in found[-1]:
            found.append(watcher.stdout.readline())
        watcher.kill()
        watcher.communicate()
    assert lines[0][-1] == "c  counting  completed  @5\n"
    assert json.loads(lines[1][-1])["status"] == "completed"


def test_on_a_terminal_the_list_is_painted_again(place):
    here, there = pty.openpty()
    environment = place.environment(TERM="xterm")
    del environment["COLUMNS"]
    watcher = subprocess.Popen(
        [sys.executable, "-m", "omium.cli", "ls", "--watch"],
        cwd=place.directory,
        env=environment,
        stdin=there,
        stdout=there,
        stderr=there,
    )
    os.close(there)
    written = b""
    until = time.monotonic() + 30
    while written.count(b"\x1b[H\x1b[J") < 3 and time.monotonic() < until:
        if select.select([here], [], [], 1)[0]:
            written += os.read(here, 65536)
    watcher.kill()
    watcher.wait()
    os.close(here)
    screen = written.decode().split("\x1b[H\x1b[J")[1]
    assert "report-1" in screen
    assert "Ctrl-C ends" in screen


def test_a_whole_run_is_readable_json(place):
    shown = json.loads(place.omium("show", "report-1", "--json", "--values").out)
    assert [entry["name"] for entry in shown["entries"]] == ["plan", "search", "search", "write"]
    for entry in shown["entries"]:
        printed = json.loads(place.omium("cat", f"report-1@{entry['seq']}", "--json").out)
        assert entry["values"]["value"]["json"] == printed
    assert shown["result"]["json"] == json.loads(place.omium("cat", "report-1", "--json").out)
    assert shown["input"]["json"] == json.loads(place.omium("cat", "report-1", "--input", "--json").out)
    thread = json.loads(place.omium("show", "thread-1@2", "--json", "--values").out)
    assert thread["values"]["messages"]["json"][0]["value"]["content"] == "What is an execution?"
    refused = place.omium("show", "report-1", "--values")
    assert (refused.code, refused.err.splitlines()[0]) == (2, "error: --values are told with --json")
