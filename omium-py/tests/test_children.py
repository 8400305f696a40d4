"""Processes that a program starts through multiprocessing record where the program does."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import omium

PROGRAM = """
    import multiprocessing, os, sys
    from concurrent.futures import ProcessPoolExecutor
    import omium

    @omium.step
    def whoami(name):
        return os.getpid()

    def work(name):
        with omium.execution(name):
            whoami(name)
        told = omium.config.settings()
        return [told.store, told.durability, told.codec, told.detect.repeats, omium.config.prices().version]

    def parent(name):
        context = multiprocessing.get_context(sys.argv[1])
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(work, name).result()

    if __name__ == "__main__":
        {init}
        print(parent("child"))
        context = multiprocessing.get_context(sys.argv[1])
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            print(pool.submit(parent, "grandchild").result())
        omium.init(store="second", prices={{}})
        print(parent("later"))
"""
INIT = """omium.init(
            store="runs", durability="process", codec="pickle", detect=omium.Detect(repeats=7),
            prices={"m": {"input": 1, "output": 2}},
        )"""


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OMIUM_")}
    return {**kept, "PYTHONPATH": str(Path(omium.__file__).parents[1]), **more}


def ids(store: Path) -> set[str]:
    omium.init(store=store)
    return {each.id for each in omium.executions()}


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_children_take_over_what_the_program_was_told(tmp_path: Path, method: str) -> None:
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM.format(init=INIT)))
    # What an environment says counts for children where it counts for their parent: not before what `init` was told.
    done = subprocess.run(
        [sys.executable, "program.py", method],
        cwd=tmp_path,
        env=environment(OMIUM_STORE="elsewhere"),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [eval(line) for line in done.stdout.splitlines()]
    first = [str(tmp_path / "runs"), "process", "pickle", 7]
    assert [each[:4] for each in told] == [first, first, [str(tmp_path / "second"), "strict", "msgpack", 20]]
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_dir()) == ["runs", "second"]
    assert ids(tmp_path / "runs") == {"child", "grandchild"}
    assert ids(tmp_path / "second") == {"later"}


def test_children_of_a_program_that_names_no_store_go_by_the_environment(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        textwrap.dedent(PROGRAM.format(init="omium.init(prices={})").split("omium.init(store=")[0])
    )
    done = subprocess.run(
        [sys.executable, "program.py", "spawn"],
        cwd=tmp_path,
        env=environment(OMIUM_STORE="mine"),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ids(tmp_path / "mine") == {"child", "grandchild"}
    assert not (tmp_path / ".omium").exists()


def test_a_program_of_its_own_is_told_nothing(tmp_path: Path) -> None:
    omium.init(store=tmp_path / "mine")
    code = "import omium; print(omium.config.settings().store)"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, encoding="utf-8", check=True
    )
    assert told.stdout.strip() == str(tmp_path / ".omium")
