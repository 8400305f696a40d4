"""Model calls over libraries that are not recorded: told apart, so that nobody believes they were.

aiohttp, requests and boto3 are watched, not recorded. In a replay, and under a budget, such a call is refused;
else a warning says once that it is made again on a resume.
"""

from __future__ import annotations

import json
import sys
import warnings
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from omium.exceptions import Divergence
from omium.runtime import _context
from omium.wire.escape import passing
from omium.wire.request import asked

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["instrument", "uninstrument"]

_RECORDED_WHOLE = ("step", "effect", "tool", "llm")
"""Kinds of entries that hold what the code inside them returned."""


def _aiohttp(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    async def request(session: Any, method: str, url: Any, **options: Any) -> Any:
        _tell("aiohttp", method, str(url), options.get("json") or options.get("data"))
        return await original(session, method, url, **options)

    return request


def _requests(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def send(session: Any, request: Any, **options: Any) -> Any:
        _tell("requests", request.method, request.url, request.body)
        return original(session, request, **options)

    return send


def _botocore(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def send(session: Any, request: Any) -> Any:
        _tell("boto3", request.method, request.url, request.body)
        return original(session, request)

    return send


_WATCHED = {
    "aiohttp": ("ClientSession", "_request", _aiohttp),
    "botocore.httpsession": ("URLLib3Session", "send", _botocore),
    "requests": ("Session", "send", _requests),
}
"""The one method all others of a library call; aiohttp has no public one."""

_BETTER = {
    "aiohttp": "have its SDK use httpx (google-genai: HttpOptions(httpx_async_client=httpx.AsyncClient())), or ",
    "boto3": "use an SDK that asks over httpx (anthropic.AnthropicBedrock), or ",
}

_originals: dict[str, Callable[..., Any]] = {}


def instrument() -> None:
    """Watches those of the libraries that are loaded."""
    for name, (owner, method, watched) in _WATCHED.items():
        session = getattr(sys.modules.get(name), owner, None)
        if name not in _originals and hasattr(session, method):
            _originals[name] = getattr(session, method)
            setattr(session, method, watched(_originals[name]))


def uninstrument() -> None:
    """Stops watching."""
    for name, original in _originals.items():
        owner, method, _ = _WATCHED[name]
        setattr(getattr(sys.modules[name], owner), method, original)
    _originals.clear()


def _tell(library: str, method: str, url: str, body: Any) -> None:
    if method.upper() != "POST" or (_context.current.get() is None and _context.place() is None):
        return
    place = urlsplit(url)
    found = asked(place.hostname or "", unquote(place.path), _parsed(body))
    # Only a model call asks for the frame, which a host may refuse.
    frame = None if found is None else _context.frame()
    if found is None or frame is None or frame.kind == "llm":
        return
    shape, model = found
    call = f"{shape.word} {model} at {place.hostname} goes over {library}, which omium does not record"
    run = frame.run
    if run.native.mode == "record":
        error = Divergence(f"{call}: nothing may run in a replay", execution=run.native.id, found=shape.word)
        run.abort(error)
        raise passing(error)
    if run.budget is not None:
        run.refuse(f"a budget cannot be kept: {call}")
    if frame.kind not in _RECORDED_WHOLE:
        hint = f"{_BETTER.get(library, '')}put it into an @omium.step"
        warnings.warn(f"{call}: it is made again on a resume and not counted; {hint}", stacklevel=4)


def _parsed(body: Any) -> dict[str, Any]:
    if isinstance(body, (str, bytes, bytearray)):
        try:
            body = json.loads(body)
        except ValueError:
            return {}
    return body if isinstance(body, dict) else {}
