"""Model calls, recorded where every SDK sends them: `Client.send` and `AsyncClient.send` of httpx and httpx2.

Inside an execution a request to a model provider is answered from the record when it is there, and
recorded before its answer is handed on when it is not. Everything else passes through untouched, and
outside an execution everything does.

    send -> a model call? -> claim -> recorded? answer -> budget -> the real send -> watch, meter, commit
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from omium import _imports

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["add_endpoint", "instrument", "uninstrument"]

LIBRARIES = ("httpx", "httpx2")
WATCHED = ("aiohttp", "botocore.httpsession", "requests")
"""Libraries whose model calls are only told apart."""

_lock = threading.Lock()
_originals: dict[type, Callable[..., Any]] = {}
"""What `send` was, by the class it was replaced on."""


def instrument() -> None:
    """Records model calls made through httpx and httpx2, also when they are imported later.

    `omium.init()` and the first execution do this themselves. Calling it again does nothing.
    """
    for name in LIBRARIES:
        library = sys.modules.get(name)
        if library is None or not hasattr(library, "AsyncClient"):
            _imports.when_imported(name, "omium.wire")
            continue
        from omium.wire.send import awrap, wrap

        with _lock:
            for client, wrapped in ((library.Client, wrap), (library.AsyncClient, awrap)):
                # After httpx2.alias_httpx() both names are one library.
                if client not in _originals:
                    _originals[client] = client.send
                    client.send = wrapped(library, client.send)
    for name in WATCHED:
        _imports.when_imported(name, "omium.wire.unseen")


def uninstrument() -> None:
    """Gives httpx and httpx2 their own `send` back."""
    with _lock:
        for client, original in _originals.items():
            client.send = original  # type: ignore[attr-defined]
        _originals.clear()
    from omium.wire import unseen

    unseen.uninstrument()


def add_endpoint(path: str, shape: str = "other", *, host: str | None = None) -> None:
    """Counts POST requests with a JSON body as model calls when their path ends in `path`, a regular expression.

    `shape` says how the answer is read: "chat", "completions", "responses", "messages", "gemini",
    "interactions", "bedrock", "embeddings", "ollama", or "other", which is whole when it ends and has no
    usage. A group named `model` in `path` names the model when the body does not. `host` limits it to one host.
    """
    from omium.wire.endpoints import add

    add(path, shape, host)
