"""A request as the record sees it: whether it is a model call, and which one.

Identity is method, host, path and body. Headers and query strings are left out, for retries change them and
keys live there; so are the keys of the body that change nothing about the answer.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from omium.wire import endpoints, secrets
from omium.wire.identity import meaningful, numbered
from omium.wire.shapes import SHAPES, Shape

__all__ = ["ModelCall", "asked", "may_ask", "recognise", "unread"]


_STREAMS = re.compile(r":stream\w+$|-stream$")
"""Paths that ask for a stream by themselves."""

_UNFIT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Characters that no name of an entry may have, or that would break the line it is shown on."""


class ModelCall(NamedTuple):
    """A request that asks a model."""

    name: str
    """What its entry is called: the kind of call, and the model."""
    inputs: dict[str, Any]
    """What identifies it, fit to be kept."""
    shape: Shape
    model: str | None
    stream: bool
    meters: bool
    """Whether the answer can be expected to say what it used."""


def may_ask(request: Any) -> bool:
    """Whether an httpx request goes to where models are asked."""
    return request.method == "POST" and endpoints.find(request.url.host, request.url.path) is not None


def recognise(library: Any, request: Any) -> ModelCall | None:
    """The model call that an httpx request is; None for any other request."""
    if not may_ask(request):
        return None
    content = _content(library, request)
    body = None if content is None else _object(content)
    found = None if body is None else asked(request.url.host, request.url.path, body)
    if content is None or body is None or found is None:
        return None
    shape, model = found
    stream = bool(body.get("stream")) or _STREAMS.search(request.url.path) is not None
    inputs = {
        "request": f"{request.method} {request.url.host}{secrets.scrub(request.url.path, secrets.of(request))}",
        "body": secrets.scrub(secrets.settings(_identity(shape, body)), _repeated(request, content)),
    }
    options = body.get("stream_options")
    wanted = isinstance(options, dict) and options.get("include_usage") is True
    meters = wanted or not (stream and shape.usage_on_request)
    name = f"{shape.word} {_UNFIT.sub('?', model)}" if model else shape.word
    return ModelCall(name, inputs, shape, model, stream, meters)


def _identity(shape: Shape, body: dict[str, Any]) -> dict[str, Any]:
    # Of an interface that nobody knows, "user" may be the question.
    identity: dict[str, Any] = numbered(body) if shape is SHAPES["other"] else meaningful(body)
    return identity


def unread(library: Any, request: Any, kind: type) -> bool:
    """Whether a request may be a model call with a body that is made while it is sent: then it is to be read first.

    `kind` is the sort of streams the client can send.
    """
    if not may_ask(request):
        return False
    try:
        return request.content is None
    except library.RequestNotRead:
        upload = request.headers.get("content-type", "").startswith("multipart/")
        return not upload and isinstance(request.stream, kind)


def asked(host: str, path: str, body: dict[str, Any]) -> tuple[Shape, str | None] | None:
    """The shape and the model of what is posted there; None when it is no model call."""
    found = endpoints.find(host, path)
    if found is None:
        return None
    shape, model = SHAPES[found[0]], found[1]
    if isinstance(body.get("model"), str):
        model = body["model"]
    if (shape.names_model and model is None) or (shape.asks and not any(key in body for key in shape.asks)):
        return None
    return shape, model


def _repeated(request: Any, content: bytes) -> list[str]:
    """The request's credentials, where they stand in its body as well; hardly ever any."""
    hidden = secrets.of(request)
    return hidden if any(secret.encode("utf-8", "replace") in content for secret in hidden) else []


def _content(library: Any, request: Any) -> bytes | None:
    """The body of a request, decoded; None when it is an upload."""
    try:
        content: bytes = request.content
        encoding = request.headers.get("content-encoding")
        if encoding is None:
            return content
        return library.Response(200, headers={"content-encoding": encoding}, content=content).content  # type: ignore[no-any-return]
    except (library.RequestNotRead, library.DecodingError):
        return None


def _object(content: bytes) -> dict[str, Any] | None:
    """The JSON object it is, if it is one."""
    try:
        body = json.loads(content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
