"""The programs of the demo as child processes: started, watched line by line, killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import omium

if TYPE_CHECKING:
    from omium.demo.story import Story

__all__ = ["Stage", "Watched"]

_CALL = "model: "
_STEP = r"[a-z]+: "
_INTO_THE_CALL_S = 0.2


class Watched(NamedTuple):
    """What was seen of one child from the outside."""

    ran: list[str]
    """Lines about steps that made a model call or, in a graph, ran at all."""
    recorded: list[str]
    """Lines about steps that were there without a model call."""


class Stage:
    """A directory with the programs, where they run and leave their store and their bill."""

    def __init__(self, directory: Path, story: Story) -> None:
        self.directory = directory
        self.story = story
        self._settled = 0
        directory.mkdir(parents=True, exist_ok=True)

    def take(self, *names: str) -> None:
        """Copies programs of the demo into the directory."""
        for name in names:
            shutil.copyfile(Path(__file__).with_name(name), self.directory / name)

    @property
    def store(self) -> Path:
        """The store the programs make."""
        return self.directory / ".omium"

    def calls(self) -> int:
        """Finished model calls since the last `settle`, as the bill has them."""
        return self._billed() - self._settled

    def settle(self) -> None:
        """Counts calls from here on."""
        self._settled = self._billed()

    def _billed(self) -> int:
        bill = self.directory / "bill.txt"
        return len(bill.read_text("utf-8").splitlines()) if bill.exists() else 0

    def text(self, name: str) -> str:
        """What a program wrote."""
        return (self.directory / name).read_text("utf-8")

    def disk_bytes(self, name: str) -> int:
        """What a file or directory takes on disk."""
        path = self.directory / name
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        return sum(file.stat().st_size for file in files)

    def quietly(self, *command: str) -> None:
        """Runs a program without a word, without the waiting, and into a store of its own."""
        environment = self._environment(seconds=0) | {"OMIUM_STORE": str(self.directory / "reference")}
        subprocess.run(self._argv(command), cwd=self.directory, env=environment, check=True, stdout=subprocess.DEVNULL)

    def show(self, *command: str, tail: int | None = None) -> int:
        """Runs an omium command with what it prints, or the end of it, and returns its exit code."""
        self.story.command(" ".join(command))
        done = subprocess.run(
            self._argv(command),
            cwd=self.directory,
            env=self._environment() | self.story.environment(),
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self.story.output(done.stdout, tail)
        return done.returncode

    def payments(self) -> list[str]:
        """What the payment provider did, as its book has it: `charged 36000`, `refunded 36000`."""
        book = self.directory / "payments.txt"
        rows = book.read_text("utf-8").splitlines() if book.exists() else []
        return [f"{what} {int(cents) / 100:.0f} euros" for _, what, cents, *_ in map(str.split, rows)]

    def run_and_kill(self, *command: str, after: str) -> None:
        """Runs a program with what it prints, and kills it as soon as it has printed a line that begins so."""
        self.story.command(" ".join(command))
        process = subprocess.Popen(
            self._argv(command),
            cwd=self.directory,
            env=self._environment(answer=0) | self.story.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        with process:
            for line in process.stdout or ():
                self.story.say(f"    {line.rstrip()}")
                if line.startswith(after):
                    os.kill(process.pid, signal.SIGKILL)
        self.story.killed("between the charge and its record")
        self.story.say("")
        if process.returncode != -signal.SIGKILL:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode} before it could be killed")

    def watch(self, *command: str, kill_in_call: int = 0, restored: list[str] | None = None) -> Watched:
        """Runs a program and tells each step as it comes; kills it within its n-th model call.

        A step that comes without a model call was answered from the record. Given `restored`, the
        program does not even come past what is recorded: those are told first, and every line ran.
        """
        self.story.command(" ".join(command))
        for name in restored or ():
            self.story.recorded(name)
        ran, recorded = list[str](), list(restored or ())
        begun, told = 0, 0
        process = subprocess.Popen(
            self._argv(command),
            cwd=self.directory,
            env=self._environment(hangs=kill_in_call),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        with process:
            for line in process.stdout or ():
                if line.startswith(_CALL):
                    begun += 1
                    if begun == kill_in_call:
                        time.sleep(_INTO_THE_CALL_S)
                        os.kill(process.pid, signal.SIGKILL)
                        self.story.killed(f"in the middle of model call {begun}")
                elif re.match(_STEP, line) and (begun > told or restored is not None):
                    self.story.ran(line.strip(), f"model call {self.calls()}" if begun > told else "ran")
                    ran.append(line.strip())
                    told = begun
                elif re.match(_STEP, line):
                    self.story.recorded(line.strip())
                    recorded.append(line.strip())
            talk = process.stderr.read() if process.stderr else ""
        self.story.output(talk)
        expected = -signal.SIGKILL if kill_in_call else 0
        if process.returncode != expected:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}, not {expected}")
        return Watched(ran, recorded)

    def _argv(self, command: tuple[str, ...]) -> list[str]:
        program, *rest = command
        if program == "python":
            return [sys.executable, *rest]
        return [sys.executable, "-m", "omium.cli", *rest]

    def _environment(self, **model: int) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OMIUM_")}
        source = str(Path(omium.__file__).resolve().parents[1])
        paths = [source, kept.get("PYTHONPATH", "")]
        return kept | {
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "PYTHONUNBUFFERED": "1",
            # What a command prints is shown on: it may use no more signs than this terminal has.
            "PYTHONIOENCODING": "utf-8" if self.story.terminal.unicode else "ascii",
            **{f"DEMO_{name.upper()}": str(value) for name, value in model.items()},
        }
