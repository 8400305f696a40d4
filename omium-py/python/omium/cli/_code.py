"""From `file.py:name` or `module:name` to the object, without starting the program."""

from __future__ import annotations

import ast
import importlib
import shlex
import sys
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from omium._replay import ThreadInReplay
from omium.cli._errors import CommandError
from omium.cli._terminal import visible
from omium.runtime import _boundary, _context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omium.runtime._boundary import Boundary

__all__ = ["Program", "load", "parsed", "printing_aside", "program", "start"]

_KEEP = 'put what starts it under `if __name__ == "__main__":`'


class Program(NamedTuple):
    """A script with its arguments, as code on a command line."""

    script: str
    arguments: list[str]


def program(code: str | None) -> Program | None:
    """The program that code on a command line names; None where it names an object, or nothing is named."""
    try:
        words = shlex.split(code or "")
    except ValueError as error:
        raise CommandError(
            f"{visible(code or '')} cannot be taken apart into words: {error}", "close the quotes"
        ) from error
    return Program(words[0], words[1:]) if words and words[0].endswith(".py") else None


def load(source: str) -> Any:
    """The object behind a source; its module is run, its `if __name__ == "__main__":` is not."""
    place, _, name = source.rpartition(":")
    if not place or not name:
        raise CommandError(
            f"{visible(source)!r} names no code",
            "write module:name or path/to/file.py:name; a program begins with its file: 'path/to/file.py ARGUMENTS'",
        )
    # The words of the omium command are not the program's.
    sys.argv = [place]
    try:
        with _nothing_begins(visible(place)):
            module = _script(Path(place)) if place.endswith(".py") else _module(place)
    except SystemExit as error:
        raise CommandError(
            f"{visible(place)} ends as soon as it is loaded: its functions cannot be had alone", _KEEP
        ) from error
    found: Any = module
    for part in name.split("."):
        # A function made inside another one has a part <locals> that no lookup can pass.
        found = getattr(found, part, None)
    if found is None:
        raise CommandError(
            f"{visible(place)} has no {visible(name)}",
            "it was renamed, or lives inside a function: only module-level code can be loaded",
        )
    return found


def printing_aside(aside: bool) -> AbstractContextManager[Any]:
    """Sends what the user's code prints to stderr, so that it does not stand amid JSON."""
    return redirect_stdout(sys.stderr) if aside else nullcontext()


@contextmanager
def _nothing_begins(place: str) -> Iterator[None]:
    """Refuses what a program would start as it is loaded: a replay would run it, a rollback would go on from it.

    A graph is refused as a replay refuses it, before its thread is touched: its first state is saved too late.
    """
    refusal = CommandError(f"{place} starts its work as soon as it is loaded: its functions cannot be had alone", _KEEP)

    def refuse(boundary: Boundary) -> None:
        if boundary.kind in ("execution", "state"):
            raise refusal

    before = _context.all_replays
    _boundary.watcher, _context.all_replays = refuse, True
    try:
        yield
    except ThreadInReplay as error:
        raise refusal from error
    finally:
        _boundary.watcher, _context.all_replays = None, before


def _module(name: str) -> ModuleType:
    # As `python -m` does; the directory of the omium script is of no use to the user's code.
    _search_first(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise
        raise CommandError(f"there is no module {visible(name)}", "run omium where `import` finds it") from error


def _script(path: Path) -> ModuleType:
    """Runs the file as `__main__`, so that its classes keep the names they were recorded under.

    Its question whether it is the program that was started is answered with no.
    """
    tree = _read(path, "the record stays readable without the code: omium log, cat and diff")
    return _run_as_main(path, _NotStarted().visit(tree))


def start(script: str, arguments: list[str]) -> None:
    """Runs a script as `python SCRIPT ARGUMENTS` does, in this process; one of a package as `python -m` does."""
    tree = parsed(script)
    sys.argv = [script, *arguments]
    _run_as_main(Path(script), tree)


def parsed(script: str) -> ast.Module:
    """The script, which is there and is Python."""
    path = Path(script)
    inner = path / "__main__.py"
    return _read(path, f"name a Python file: {visible(str(inner))}" if inner.is_file() else "name a Python file")


def _read(path: Path, hint: str) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), str(path))
    except OSError as error:
        raise CommandError(f"cannot read {visible(str(path))}: {error.strerror}", hint) from error
    except (SyntaxError, ValueError) as error:
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise CommandError(f"{visible(str(path))} is no Python: {visible(what)}{line}", hint) from error


def _run_as_main(path: Path, tree: ast.Module) -> ModuleType:
    directory = path.resolve().parent
    module = ModuleType("__main__")
    package: list[str] = []
    while (directory / "__init__.py").is_file():
        package.insert(0, directory.name)
        directory = directory.parent
    if package:
        # What it imports from the modules beside it is relative to the package.
        module.__package__ = ".".join(package)
        _search_first(directory)
    _search_first(path.resolve().parent)
    module.__file__ = str(path)
    sys.modules["__main__"] = module
    exec(compile(tree, str(path), "exec"), module.__dict__)
    return module


class _NotStarted(ast.NodeTransformer):
    """Answers the question `__name__ == "__main__"` with no, wherever it is asked."""

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        sides = [node.left, *node.comparators]
        names = [side.id for side in sides if isinstance(side, ast.Name)]
        texts = [side.value for side in sides if isinstance(side, ast.Constant)]
        if names == ["__name__"] and texts == ["__main__"]:
            return ast.copy_location(ast.Constant(isinstance(node.ops[0], ast.NotEq)), node)
        self.generic_visit(node)
        return node


def _search_first(directory: Path) -> None:
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
