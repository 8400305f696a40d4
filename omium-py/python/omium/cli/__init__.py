"""The `omium` command. One file a verb; this one finds the verb and turns failures into exit codes.

0 done, 1 failed, 2 wrong usage, 3 refused (a lease, a divergence, an effect in doubt).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence

    from omium.cli._terminal import Terminal

__all__ = ["main"]

# The codec allows 512 levels of nesting; showing a value takes a few frames a level.
_RECURSION_LIMIT = 10_000


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    from omium.cli._parser import build
    from omium.cli._terminal import Terminal

    sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION_LIMIT))
    terminal = Terminal()
    try:
        code = _run(build(terminal), sys.argv[1:] if argv is None else argv, terminal)
        terminal.flush()
        return code
    except SystemExit as stop:  # argparse after --help or a usage error
        return stop.code if isinstance(stop.code, int) else 2
    except BrokenPipeError:
        # Whoever read us has gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        terminal.end_progress()
        from omium.cli._errors import INTERRUPTED

        return INTERRUPTED


def _run(parser: ArgumentParser, argv: Sequence[str], terminal: Terminal) -> int:
    from importlib import import_module

    from omium.cli._errors import error_json, explain

    target, as_json = None, "--json" in argv
    try:
        arguments = parser.parse_args(argv)
        target, as_json = getattr(arguments, "target", None), getattr(arguments, "json", False)
        code: int = import_module(f"omium.cli.{arguments.verb}").run(arguments, terminal)
        return code
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - the top of the program: whatever comes is told
        code = explain(error, terminal, target)
        if as_json:
            terminal.json(error_json(error, code, target))
        return code
