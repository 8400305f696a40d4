"""A thread at `interrupt()`: every command names the line that goes on with it, and it can be pasted."""

import pytest

pytest.importorskip("langgraph")


def line_of(done):
    (hint,) = [line for line in done.err.splitlines() if line.startswith("hint: ")]
    return hint.removeprefix("hint: ")


@pytest.mark.parametrize("alone", [(), ("alone",)])
def test_every_command_names_the_line_that_goes_on(empty, alone):
    empty.python("asking.py", *alone)
    shown = empty.omium("show", "ask 1")
    assert "interrupt: {'pay': 90}" in shown.err
    assert ("interrupt: send it?" in shown.err) == (not alone)
    line = line_of(shown)
    for command in (["answer", "ask 1"], ["answer", "ask 1", "yes"], ["resume", "ask 1"]):
        refused = empty.omium(*command)
        assert refused.code == 1
        assert "waits at interrupt(), and its graph takes the answer: " in refused.err
        assert line_of(refused) == line
    told = empty.python("asking.py", *alone, line).stdout
    assert told == ("{'paid': 'yes'}\n" if alone else "{'paid': 'yes', 'sent': 'yes'}\n")
    assert "completed" in empty.omium("show", "ask 1").out


def test_a_program_that_answers_is_told_the_line_too(empty):
    empty.python("asking.py")
    code = "import omium; omium.answer('ask 1', 'yes')"
    (empty.directory / "answering.py").write_text(code)
    done = empty.omium("run", "answering.py")
    assert "goes on with graph.invoke(Command(resume=VALUE)" in done.err
