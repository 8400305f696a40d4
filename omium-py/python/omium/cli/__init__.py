"""The `omium` command. One file a verb; this one finds the verb and turns failures into exit codes.

0 done, 1 failed, 2 wrong usage, 3 refused (a lease, a divergence, an effect in doubt).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace
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
        arguments = build(terminal).parse_args(argv)
        code = _run(arguments.verb, arguments, terminal)
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


def _run(verb: str, arguments: Namespace, terminal: Terminal) -> int:
    from importlib import import_module

    from omium.cli._errors import explain

    module = import_module(f"omium.cli.{verb}")
    try:
        code: int = module.run(arguments, terminal)
        return code
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - the top of the program: whatever comes is told
        return explain(error, terminal, getattr(arguments, "target", None))
