"""A ledger per test, and a way to run a program in a process that dies in the middle."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class Ledger:
    """The world outside: what was done, in order, and by which key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def write(self, *words: object) -> None:
        with self.path.open("a") as file:
            file.write(" ".join(map(str, words)) + "\n")

    @property
    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()

    def has(self, word: str) -> bool:
        return any(word in line.split() for line in self.lines)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def dies() -> Callable[[Callable[[], Any]], None]:
    """Runs a function in a forked child, which must die by its own hand."""

    def run(function: Callable[[], Any]) -> None:
        child = os.fork()
        if child == 0:
            try:
                function()
            finally:
                os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9

    return run
