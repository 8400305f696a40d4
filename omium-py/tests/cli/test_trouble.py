"""What goes wrong: one clear line, a hint, the right exit code, and never a traceback."""

import json
import os
import pty
import random
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from ctrl_c import hears_ctrl_c

import omium
from omium.view._text import width_of

USAGE = [
    "",
    "lst",
    "ls --limit many",
    "show",
    "rollback report-1",
    "rollback report-1 --to three",
    "prune",
    "prune --keep-last 0",
    "prune --older-than soon",
    "completions tcsh",
    "cat thread-1@2 --raw --json extra",
]


@pytest.mark.parametrize("command", USAGE)
def test_usage(place, command, snapshot):
    done = place.omium(*command.split())
    assert str(done) == snapshot
    assert done.code == 2
    assert ("--json" in command) is (done.out != "")


MISSING = [
    "show repot-1",
    "show nothing-like-it",
    "log report-1@2",
    "cat report-1@99",
    "cat report-1@0",
    "diff report-1@1 report-2@1",
    "diff report-1@1 report-1@12",
    "rollback report-1 --to 9",
    "fork report-1 --at 9",
    "resume rport-1",
    "cancel crash",
]


@pytest.mark.parametrize("command", MISSING)
def test_what_is_not_there(place, command, snapshot):
    done = place.omium(*command.split())
    assert str(done) == snapshot
    assert done.code == 1


FAILING = [
    ("ls --limit many", 2, "CommandError"),
    ("lst", 2, "CommandError"),
    ("show repot-1", 1, "CommandError"),
    ("log report-1@2", 1, "CommandError"),
    ("diff report-1@1 report-2@1", 1, "CommandError"),
    ("rollback report-1 --to 9", 1, "CommandError"),
    ("cancel crash", 1, "CommandError"),
    ("why report-1", 1, "InvalidInput"),
]


@pytest.mark.parametrize(("command", "code", "kind"), FAILING)
def test_a_command_that_fails_answers_with_an_object(place, command, code, kind):
    talk = place.omium(*command.split())
    done = place.omium(*command.split(), "--json")
    assert (done.code, done.err) == (code, talk.err)
    told = json.loads(done.out)
    assert list(told) == ["error"]
    assert (told["error"]["kind"], told["error"]["exit_code"]) == (kind, code)
    assert f"error: {told['error']['message'].splitlines()[0]}" in done.err
    assert (told["error"]["hint"] or "") in done.err


def test_a_damaged_store_is_an_object_too(place):
    place.omium("gc")
    with sqlite3.connect(place.directory / ".omium" / "index.db") as index:
        index.execute("UPDATE entry SET key = 'other'")
    done = place.omium("log", "report-1", "--json")
    told = json.loads(done.out)["error"]
    assert (done.code, told["kind"], told["exit_code"]) == (1, "StoreCorrupted", 1)
    assert told["hint"] == "omium check --full names what is damaged and what is lost by it"


def test_no_store(empty, snapshot):
    assert str(empty.omium("ls")) == snapshot(name="default")
    assert str(empty.omium("ls", "--store", "elsewhere")) == snapshot(name="option")
    assert str(empty.omium("ls", OMIUM_STORE="from-environment")) == snapshot(name="environment")
    assert list(empty.directory.iterdir()) == []


def test_the_option_counts_before_and_after_the_verb(place):
    (place.directory / ".omium").rename(place.directory / "other")
    assert place.omium("ls").code == 1
    assert place.omium("ls", "--store", "other").code == 0
    assert place.omium("--store", "other", "ls").code == 0
    assert place.omium("ls", OMIUM_STORE="other").code == 0
    assert place.omium("ls", "--store", "other", OMIUM_STORE="nowhere").code == 0


def test_a_directory_that_is_no_store(empty, snapshot):
    (empty.directory / "notes").mkdir()
    (empty.directory / "notes" / "todo.txt").write_text("milk")
    (empty.directory / "file").write_text("x")
    assert str(empty.omium("ls", "--store", "notes")) == snapshot(name="directory")
    assert str(empty.omium("ls", "--store", "file")) == snapshot(name="file")
    assert (empty.directory / "notes" / "todo.txt").read_text() == "milk"


def test_a_damaged_store(place):
    for file in sorted((place.directory / ".omium").rglob("*")):
        if file.is_file() and file.stat().st_size > 8192:
            data = bytearray(file.read_bytes())
            data[4096:] = bytes(len(data) - 4096)
            file.write_bytes(data)
    for command in ("ls", "show report-1", "cat report-1", "check --full"):
        done = place.omium(*command.split())
        assert done.code == 1, str(done)
        assert "Traceback" not in done.err
        assert "error: " in done.err


@pytest.mark.parametrize("seed", range(6))
def test_damage_anywhere_is_told_without_a_traceback(place, seed):
    place.omium("gc")  # empties the write-ahead log into the index
    index = place.directory / ".omium" / "index.db"
    data, draw = bytearray(index.read_bytes()), random.Random(seed)
    at = draw.randrange(len(data) - 4096)
    data[at : at + 4096] = draw.randbytes(4096)
    index.write_bytes(data)
    for command in ("log report-1", "cat report-1", "replay thread-1", "check --full", "doctor"):
        done = place.omium(*command.split())
        assert done.code in (0, 1), str(done)
        assert "Traceback" not in done.err
        if command == "check --full":
            assert done.code == 1


def test_a_newer_format(place, snapshot):
    with sqlite3.connect(place.directory / ".omium" / "index.db") as index:
        index.execute("UPDATE meta SET value = ? WHERE name = 'min_reader'", ((99).to_bytes(8, "little"),))
    index.close()
    assert str(place.omium("ls")) == snapshot(name="ls")
    assert place.omium("doctor").code == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_store(place, snapshot):
    store = place.directory / ".omium"
    try:
        for path in (*store.rglob("*"), store):
            path.chmod(0o500 if path.is_dir() else 0o400)
        assert place.omium("ls").code == 0
        assert place.omium("rollback", "report-1", "--to", "1").code == 1
    finally:
        for path in (store, *store.rglob("*")):
            path.chmod(0o700)


IDS = [
    "a@1",
    "with spaces and 'quotes'",
    "日本語のエージェント",
    "line\nend",
    "\x1b[31mred",
    "-dash",
    "x" * 10_000,
    "a/b\\c",
]


@pytest.mark.parametrize("name", IDS, ids=lambda name: re.sub(r"\W", "_", name[:12]))
def test_any_id(empty, name):
    omium.init(store=empty.directory / ".omium")
    with omium.execution(name) as run:
        run.checkpoint({"n": 1}, label="first")
    (listed,) = json.loads(empty.omium("ls", "--json").out)
    assert listed["id"] == name
    table = empty.omium("ls", COLUMNS="80")
    assert max(width_of(line.rstrip()) for line in table.out.splitlines()) <= 80
    assert "\x1b" not in table.out
    assert len(table.out.splitlines()) == 2
    dashes = ["--"] if name.startswith("-") else []
    for verb in ("show", "log"):
        assert empty.omium(verb, *dashes, name).code == 0
    assert json.loads(empty.omium("cat", "--json", *dashes, f"{name}@1").out) == {"n": 1}
    assert empty.omium("fork", "--id", "plain", *dashes, f"{name}@1").out == "plain\n"


def test_somebody_else_runs_it(empty, snapshot):
    omium.init(store=empty.directory / ".omium")
    with omium.execution("busy", workflow="loose") as run:
        run.checkpoint(1)
        done = empty.omium("rollback", "busy", "--to", "0")
    assert done.code == 3
    assert re.sub(r"\S+:\d+", "HOST:PID", str(done)) == snapshot


def test_resume_and_cancel_of_what_somebody_else_runs(place):
    omium.init(store=place.directory / ".omium")

    def run_on():
        with omium.execution("crashed-1", workflow="report") as run:
            refused = place.omium("resume", "crashed-1")
            assert refused.code == 3
            assert "hint: wait for it to end, or shut it out: omium cancel crashed-1" in refused.err
            assert place.omium("cancel", "crashed-1").code == 0
            run.checkpoint(1)

    with pytest.raises(omium.Fenced):
        run_on()
    assert place.omium("ls", "--status", "cancelled", "--ids").out == "crashed-1\n"


def test_a_reader_that_goes_away(place):
    process = subprocess.Popen(
        [sys.executable, "-c", "from omium.cli import main; import sys; sys.exit(main(['completions', 'fish']))"],
        env=place.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141


def on_terminal(place, *arguments, **environment):
    """What a command writes to a real terminal, 80 columns wide."""
    here, there = pty.openpty()
    environment = place.environment(TERM="xterm", **environment)
    del environment["COLUMNS"]
    process = subprocess.Popen(
        [sys.executable, "-m", "omium.cli", *arguments],
        cwd=place.directory,
        env=environment,
        stdin=there,
        stdout=there,
        stderr=there,
    )
    os.close(there)
    written = b""
    while select.select([here], [], [], 20)[0]:
        try:
            part = os.read(here, 65536)
        except OSError:
            break
        if not part:
            break
        written += part
    os.close(here)
    process.wait()
    return written.decode()


def test_colour_only_on_a_terminal(place):
    assert "\x1b[" not in place.omium("ls").out
    assert "\x1b[" in on_terminal(place, "ls")
    assert "\x1b[" not in on_terminal(place, "ls", NO_COLOR="1")
    assert "\x1b[" not in on_terminal(place, "ls", "--json")


def test_long_work_draws_a_bar_on_a_terminal_only(place):
    assert "removing" not in place.omium("prune", "--keep-last", "1").err
    for verb, label in (("check --full", "checking"), ("prune --older-than 0s", "removing"), ("gc", "collecting")):
        shown = on_terminal(place, *verb.split())
        assert f"{label} " in shown
        assert "100%" in shown
        # Wiped, so that what comes to stay stands alone.
        assert "\r\x1b[K" in shown.partition("100%")[2]


def test_ctrl_c_is_quiet(empty):
    program = empty.directory / "slow.py"
    program.write_text(
        "import sys, time, omium\n"
        "@omium.workflow\ndef slow():\n    print('begun', flush=True)\n    time.sleep(30)\n"
        "if __name__ == '__main__':\n"
        "    import os\n    os.environ['NOW'] = '1'\n"
        "    time.sleep = lambda s: os._exit(1)\n    slow.options(id='slow').start()\n"
    )
    empty.python(program, check=False)
    process = subprocess.Popen(
        [sys.executable, "-m", "omium.cli", "resume", "slow"],
        cwd=empty.directory,
        env=empty.environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hears_ctrl_c,
    )
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "")


def test_help_is_quick_and_loads_next_to_nothing(empty):
    code = (
        "import sys; from omium.cli import main; main(['--help']);"
        "print([m for m in ('asyncio', 'inspect', 'dataclasses', 'langgraph') if m in sys.modules],"
        " file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=empty.environment(), capture_output=True, text=True)
    assert done.stderr == "[]\n"
