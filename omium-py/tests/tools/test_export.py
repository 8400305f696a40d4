"""An execution as a file, and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from desk import Desk

from omium._omium import Store

PROGRAM = """
    import omium

    @omium.step
    def search(topic):
        return [topic, b"\\x00\\xff", 3.5]

    @omium.workflow
    def report(topic):
        return search(topic) + search("more")

    if __name__ == "__main__":
        report.options(id="r").start("leases")
"""


@pytest.fixture
def recorded(desk: Desk) -> Desk:
    assert desk.run(desk.script(PROGRAM)).returncode == 0
    return desk


def values(path: Path, id: str) -> list[tuple[int, str, bytes]]:
    store = Store(str(path), create=False, read_only=True)
    return [(each.seq, each.name, each.value.read()) for each in store.entries(id) if each.value is not None]


def test_through_a_pipe_and_through_a_file(recorded: Desk) -> None:
    sent = recorded.run("-m", "omium.cli", "export", "r")
    assert sent.returncode == 0
    code, _, err = recorded.omium("export", "r", "-o", "run.omx")
    assert (code, "run.omx" in err) == (0, True)
    assert (recorded.directory / "run.omx").read_bytes() == sent.stdout
    other = recorded.directory / "other"
    taken = recorded.run("-m", "omium.cli", "import", "-", "--store", other, stdin=sent.stdout)
    assert (taken.returncode, taken.stdout) == (0, b"r\n")
    assert recorded.omium("import", "run.omx", "--id", "again", "--json", "--store", other)[0] == 0
    expected = values(recorded.directory / ".omium", "r")
    assert len(expected) == 2
    assert values(other, "r") == values(other, "again") == expected
    assert [path.name for path in recorded.directory.iterdir() if path.name.startswith(".omium-export")] == []


def test_an_id_that_is_taken(recorded: Desk) -> None:
    recorded.omium("export", "r", "-o", "run.omx")
    code, _, err = recorded.omium("import", "run.omx", "--id", "r")
    assert (code, "already" in err, "hint:" in err) == (1, True, True)
    code, _, err = recorded.omium("import", "run.omx")
    assert (code, "r" in err) == (1, True)


def test_what_is_no_export(recorded: Desk) -> None:
    recorded.omium("export", "r", "-o", "run.omx")
    whole = (recorded.directory / "run.omx").read_bytes()
    damaged = [b"", b"not an export", whole[: len(whole) // 2], whole[:-1], whole[:-20] + b"\x00" * 20]
    for number, data in enumerate(damaged):
        (recorded.directory / "bad.omx").write_bytes(data)
        code, out, err = recorded.omium("import", "bad.omx", "--id", f"bad-{number}")
        assert (code, out) == (1, ""), number
        assert err.startswith("error: "), err
        assert "the store is damaged" not in err
        assert "Traceback" not in err
    code, _, err = recorded.omium("import", "missing.omx")
    assert (code, "there is no file missing.omx" in err) == (1, True)
    assert [each["id"] for each in json.loads(recorded.omium("ls", "--json")[1])] == ["r"]


def test_nothing_is_left_of_a_failed_export(recorded: Desk) -> None:
    (recorded.directory / "run.omx").write_text("mine")
    assert recorded.omium("export", "nobody", "-o", "run.omx")[0] == 1
    assert (recorded.directory / "run.omx").read_text() == "mine"


def test_messages_name_what_was_typed(recorded: Desk) -> None:
    (recorded.directory / "folder").mkdir()
    for place in ("nowhere/run.omx", "folder"):
        code, _, err = recorded.omium("export", "r", "-o", place)
        assert (code, err.splitlines()[0]) == (1, f"error: {place} cannot be written")
    done = recorded.run("-m", "omium.cli", "import", "-", stdin=b"junk")
    assert done.stderr.decode() == "error: what came from standard input is not an exported run\n"
