"""`omium.backup`: a copy of the store while it is in use."""

from __future__ import annotations

import os
from typing import NamedTuple

from omium import config

__all__ = ["Backup", "backup"]


class Backup(NamedTuple):
    """A finished copy: every byte of it was read back."""

    path: str
    bytes: int
    executions: int
    entries: int
    values: int


def backup(directory: str | os.PathLike[str]) -> Backup:
    """Copies the store to a directory that is new or empty, while this process and others go on writing.

    Every entry acknowledged before the call is in the copy, which is a store like any other. Blocks: in async code
    call it with `asyncio.to_thread`. Raises StoreCorrupted when the store is damaged; then there is no copy.
    """
    path = os.path.abspath(os.fspath(directory))
    size, report = config.store().backup(path)
    return Backup(path, size, report.executions, report.entries, report.values)
