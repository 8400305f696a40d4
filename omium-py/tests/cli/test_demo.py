"""`omium demo`: the whole story, and that a broken promise would be told."""

import re
import subprocess
import sys

import pytest

from omium.cli._terminal import Terminal
from omium.demo import acts
from omium.demo.child import Stage
from omium.demo.play import _promises
from omium.demo.story import Story

pytest.importorskip("langgraph.checkpoint.sqlite")


def test_the_whole_story(empty, snapshot):
    temporary = empty.directory / "tmp"
    temporary.mkdir()
    done = empty.omium("demo", TMPDIR=str(temporary))
    text = re.sub(r"(bytes on disk|\.\.\. with langgraph-checkpoint-sqlite) .*", r"\1 SIZES", str(done))
    text = re.sub(r"\d+ KB beside \d+ KB", "SIZE beside SIZE", text)
    # LangGraph was saving when it was killed: one write more or less was acknowledged by then.
    text = re.sub(r"\d+ values read back", "N values read back", text)
    assert text == snapshot
    assert done.code == 0
    assert "\x1b" not in done.out
    assert list(temporary.iterdir()) == []


def test_keep(empty):
    kept = empty.directory / "kept"
    kept.mkdir()
    (kept / "mine.txt").write_text("mine")
    refused = empty.omium("demo", "--keep", "kept")
    assert (refused.code, refused.out) == (1, "")
    assert "not empty" in refused.err
    (kept / "mine.txt").unlink()
    assert empty.omium("demo", "--keep", "kept").code == 0
    assert (kept / "1" / "workflow.py").exists()
    assert empty.omium("ls", "--store", "kept/2/.omium").code == 0


def test_without_langgraph_it_says_what_to_install(empty, snapshot):
    # -S leaves site-packages, and with them langgraph, out.
    done = subprocess.run(
        [sys.executable, "-S", "-m", "omium.cli", "demo"],
        cwd=empty.directory,
        env=empty.environment(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", snapshot)


class Wasteful(Stage):
    """A stage on which the workflow asks the model once outside of every step, so that no record answers it."""

    def take(self, *names):
        super().take(*names)
        program = self.directory / "workflow.py"
        call = '    ask("warm up", answer="")\n'
        program.write_text(program.read_text().replace("    points = outline", f"{call}    points = outline"))


def test_a_call_made_twice_breaks_a_promise(tmp_path, capsys):
    story = Story(Terminal())
    outcome = acts.in_plain_python(Wasteful(tmp_path / "stage", story), story)
    assert {promise.text: promise.kept for promise in outcome.promises} == {
        "no finished model call was made again": False,
        "the result equals that of a run never interrupted": True,
        "after a rollback only what came later ran again": False,
        "a fork ran only what its edit can change": False,
        "the fork left the original untouched": True,
        "replay found no difference and made no model call": False,
    }
    assert _promises(story, [outcome]) is False
    assert "✗ workflow.py: no finished model call was made again  7 needed, 8 made" in capsys.readouterr().out
