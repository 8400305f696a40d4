"""The way from a Saver to its store: opened at first use, and again after close."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol, runtime_checkable

from omium._omium import Store
from omium.exceptions import InvalidInput


@runtime_checkable
class HasPath(Protocol):
    """Anything that says where its store is."""

    @property
    def path(self) -> str: ...


StoreLocation = str | os.PathLike[str] | HasPath


class Link:
    """One per Saver, shared by its shallow copies.

    There is no lock: two threads that open at once get two handles on the same native store, and the
    handle that loses is dropped. A lock could be held by another thread across os.fork.
    """

    def __init__(self, location: StoreLocation | None, durability: str | None) -> None:
        # A relative path means the directory that was current when the Saver was made.
        self._path = None if location is None else str(Path(_path_of(location)).absolute())
        self._durability = durability
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        store = self._store
        if store is None:
            store = self._store = self._open()
        return store

    def close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _open(self) -> Store:
        from omium import config

        if not config.instrumented():
            # What nodes ask of models is recorded as well.
            config.instrument()
        settings = config.settings()
        return Store(
            config.confined() or self._path or settings.store,
            durability=settings.durability if self._durability is None else self._durability,
            read_only=config.read_only(),
        )


def _path_of(location: StoreLocation) -> str:
    if isinstance(location, (str, os.PathLike)):
        return os.fspath(location)
    if isinstance(location, HasPath):
        return location.path
    raise InvalidInput(f"store must be a path or an object with .path, not {type(location).__name__}")
