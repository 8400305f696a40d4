"""Whether the installed LangGraph is one that the saver, and what is recorded in nodes, can rely on."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

from omium.exceptions import FrameworkUnsupported

__all__ = ["check"]

_FIRST, _END = (1, 1, 3), (2,)
"""Before 1.1.3 a node is not told which attempt of its RetryPolicy it is: an effect would be made once for each."""

_KNOWN = "langgraph>=1.1.3,<2"


def check() -> None:
    """Raises FrameworkUnsupported, which names the version."""
    try:
        installed = version("langgraph")
    except PackageNotFoundError:
        raise FrameworkUnsupported(f"LangGraph is not installed: pip install '{_KNOWN}'") from None
    numbers = tuple(map(int, re.findall(r"\d+", installed)[:3]))
    if not _FIRST <= numbers < _END:
        raise FrameworkUnsupported(
            f"langgraph {installed} is installed and omium records 1.1.3 and later ones before 2: "
            f"pip install '{_KNOWN}'"
        )
