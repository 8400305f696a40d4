"""How the demo talks: captions, commands, and one line for every step of a child process."""

from __future__ import annotations

import textwrap
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omium.cli._terminal import Terminal

__all__ = ["Story"]


class Story:
    """Prints what happens while it happens."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.width = min(terminal.width, 100)
        self._name_width = 34

    def title(self, text: str) -> None:
        """The heading of an act."""
        rule = self.terminal.glyph("━", "=")
        bar = rule * max(self.width - len(text) - 5, 4)
        self.say(f"\n{self._bold(f'{rule * 2} {text} {bar}')}\n")

    def caption(self, text: str) -> None:
        """What the reader is about to see, or has seen."""
        for row in textwrap.wrap(text, self.width - 2):
            self.say(f"  {row}")
        self.say("")

    def command(self, text: str) -> None:
        """The command that runs now."""
        self.say(f"  {self.terminal.style('$', 'dim')} {self._bold(text)}")

    def python(self, text: str) -> None:
        """The line of Python that runs now."""
        self.say(f"  {self.terminal.style('>>>', 'dim')} {self._bold(text)}")

    def ran(self, name: str, remark: str) -> None:
        """A step that ran."""
        self._step(self.terminal.glyph("●", "*"), "green", name, remark)

    def recorded(self, name: str) -> None:
        """A step that was answered from the record."""
        self._step(self.terminal.glyph("↺", "<"), "cyan", name, "from the record")

    def killed(self, remark: str) -> None:
        """The end of a process."""
        self._step(self.terminal.glyph("✗", "x"), "red", "SIGKILL", remark)

    def promise(self, text: str, detail: str, kept: bool) -> None:
        """One promise, and whether it was kept."""
        mark = (self.terminal.glyph("✓", "ok"), "green") if kept else (self.terminal.glyph("✗", "BROKEN"), "red")
        self.say(f"  {self.terminal.style(*mark)} {text}{self.terminal.style('  ' + detail, 'dim')}")

    def output(self, text: str, tail: int | None = None) -> None:
        """What a command printed, indented, and a blank line after it; given `tail`, its last lines."""
        rows = text.rstrip("\n").split("\n") if text.strip() else []
        if tail is not None and len(rows) > tail:
            left_out = f"({len(rows) - tail} lines above are left out here)"
            rows = [self.terminal.style(left_out, "dim"), *rows[-tail:]]
        for row in rows:
            self.say(f"    {row}".rstrip())
        self.say("")

    def side_by_side(self, columns: dict[str, list[str]]) -> None:
        """Lists beside each other under their titles."""
        rows = zip_longest(*columns.values(), fillvalue="")
        self.terminal.table(tuple(columns), [*rows], indent="    ")
        self.say("")

    def environment(self) -> dict[str, str]:
        """What a command needs to know of the terminal it does not see."""
        colours = self.terminal.colours(self.terminal.out)
        return {"COLUMNS": str(self.width - 4), **({"FORCE_COLOR": "1"} if colours else {})}

    def say(self, text: str) -> None:
        """A line, at once."""
        self.terminal.print(text)
        self.terminal.out.flush()

    def _step(self, mark: str, style: str, name: str, remark: str) -> None:
        name = self.terminal.clip(name, self._name_width)
        pad = " " * (self._name_width - len(name))
        self.say(f"    {self.terminal.style(mark, style)} {name}{pad}  {self.terminal.style(remark, 'dim')}".rstrip())

    def _bold(self, text: str) -> str:
        return self.terminal.style(text, "bold")
