"""Everything a store holds, for tests that look for what must not be in it.

Twice over: as omium reads it, value by value; and without omium, out of the tables of the index and the bytes of
every file, each zstd frame among them decompressed.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard

from omium import _omium

_FRAME = b"\x28\xb5\x2f\xfd"


def find(store: Path, words: Iterable[str]) -> list[str]:
    """`WORD in PLACE` for each place that holds one of the words."""
    wanted = [(word, word.encode()) for word in words]
    return [f"{word} in {place}" for place, data in everything(store) for word, raw in wanted if raw in data]


def everything(store: Path) -> Iterator[tuple[str, bytes]]:
    """Places and what is there."""
    yield from _files(store)
    yield from _rows(store / "index.db")
    yield from _values(store)


def _files(store: Path) -> Iterator[tuple[str, bytes]]:
    for path in store.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes()
            yield from _frames(path.name, path.read_bytes())


def _rows(index: Path) -> Iterator[tuple[str, bytes]]:
    """Cells of all tables: what is longer than a page lies scattered over the file."""
    with sqlite3.connect(f"{index.as_uri()}?mode=ro", uri=True) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for cell in row:
                    data = cell if isinstance(cell, bytes) else str(cell).encode()
                    yield table, data
                    yield from _frames(table, data)
    connection.close()


def _frames(place: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    at = data.find(_FRAME)
    while at >= 0:
        # Four bytes may only look like the beginning of one, or the rest of it lies on another page.
        with contextlib.suppress(zstandard.ZstdError):
            yield f"{place}, decompressed", zstandard.ZstdDecompressor().decompressobj().decompress(data[at:])
        at = data.find(_FRAME, at + 1)


def _values(store: Path) -> Iterator[tuple[str, bytes]]:
    opened = _omium.Store(str(store), read_only=True)
    for execution in opened.executions():
        for blob in (execution.input, execution.result):
            if blob is not None:
                yield f"{execution.id} itself", blob.read()
        yield f"{execution.id} error", str(execution.error).encode()
        for entry in opened.entries(execution.id, all=True):
            place = f"{execution.id}@{entry.seq}"
            yield f"{place} told", f"{entry.name} {entry.key} {entry.scope} {entry.error}".encode()
            for blob in (entry.value, entry.input, entry.meta, *entry.values.values()):
                if blob is not None:
                    yield f"{place} {blob.codec}", blob.read()
    opened.close()
