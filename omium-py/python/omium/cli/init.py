"""`omium init`: makes a store here, keeps it out of git, and says how to go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from omium.cli._errors import DONE
from omium.cli._target import store_path
from omium.cli._terminal import Terminal, visible

if TYPE_CHECKING:
    from argparse import Namespace

__all__ = ["run"]

_PYTHON = """\
import omium

@omium.step
def search(topic): ...

@omium.workflow
def research(topic):
    return search(topic)

if __name__ == "__main__":
    research.options(id="report-1").start("durable agents")   # killed? start it again"""

_LANGGRAPH = "graph = builder.compile(checkpointer=omium.langgraph.Saver())"


def run(arguments: Namespace, terminal: Terminal) -> int:
    """Makes the store unless it is there; changes nothing else but .gitignore."""
    from importlib.util import find_spec

    from omium._omium import Store

    path = Path(store_path(arguments))
    fresh = not path.exists()
    Store(str(path), create=True).close()
    terminal.print(f"{'made a store' if fresh else 'the store is there already'}: {visible(str(path))}")
    ignored = _ignore(path)
    if ignored is not None:
        terminal.print(f"added {path.name}/ to {visible(str(ignored))}")
    terminal.print()
    terminal.print("A workflow in plain Python:")
    terminal.print()
    terminal.print("\n".join(f"    {row}".rstrip() for row in _PYTHON.splitlines()))
    if find_spec("langgraph") is not None:
        terminal.print()
        terminal.print("LangGraph is installed; a graph needs one argument:")
        terminal.print()
        terminal.print(f"    {_LANGGRAPH}")
    terminal.hint("omium demo shows what happens when it is killed")
    return DONE


def _ignore(store: Path) -> Path | None:
    """Adds a store inside a git work tree to the .gitignore beside it."""
    directory = store.resolve().parent
    if not any((above / ".git").exists() for above in (directory, *directory.parents)):
        return None
    file = directory / ".gitignore"
    line = f"{store.name}/"
    text = file.read_text("utf-8") if file.exists() else ""
    if any(row.strip().rstrip("/").lstrip("/") == store.name for row in text.splitlines()):
        return None
    with file.open("a", encoding="utf-8") as out:
        out.write(("" if not text or text.endswith("\n") else "\n") + line + "\n")
    return file
