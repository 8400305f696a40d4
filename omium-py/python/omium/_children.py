"""What this process was told reaches the processes that multiprocessing starts for it.

Spawned, or from a fork server, they load the program's main file under another name, so that an `init` under
`if __name__ == "__main__":` does not run there. What a process hands on lies where multiprocessing keeps what all its
children are given, so it is right for children of children, and nothing is left in the environment, which other
programs would read as well.
"""

from __future__ import annotations

import sys
from typing import Any

from omium import _imports

__all__ = ["hand_on", "handed", "instrument"]

_KEY = "omium"
_told: Any = None


def hand_on(told: object) -> None:
    """Gives that to every child from now on; it is pickled with each."""
    global _told
    _told = told
    _imports.when_imported("multiprocessing.process", __name__)


def handed() -> Any:
    """What the parent of this process handed on; None where there is no such parent."""
    module = sys.modules.get("multiprocessing.process")
    if module is None or module.parent_process() is None:
        return None
    return _given(module).get(_KEY)


def instrument() -> None:
    """Called once multiprocessing is loaded."""
    _given(sys.modules["multiprocessing.process"])[_KEY] = _told


def _given(module: Any) -> dict[str, Any]:
    given: dict[str, Any] = module.current_process()._config  # noqa: SLF001  # There is no public way.
    return given
