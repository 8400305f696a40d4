"""A request as the record sees it: whether it is a model call, and which one.

Identity is method, host, path and body. Headers and query strings are left out, for retries change them and
keys live there; so are the keys of the body that change nothing about the answer.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from omium.wire import endpoints, secrets
from omium.wire.identity import meaningful
from omium.wire.shapes import SHAPES, Shape

__all__ = ["ModelCall", "asked", "recognise"]


_STREAMS = re.compile(r":stream\w+$|-stream$")
"""Paths that ask for a stream by themselves."""


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


def recognise(library: Any, request: Any) -> ModelCall | None:
    """The model call that an httpx request is; None for any other request."""
    if request.method != "POST" or endpoints.find(request.url.host, request.url.path) is None:
        return None
    body = _body(library, request)
    found = None if body is None else asked(request.url.host, request.url.path, body)
    if body is None or found is None:
        return None
    shape, model = found
    stream = bool(body.get("stream")) or _STREAMS.search(request.url.path) is not None
    inputs = {
        "request": f"{request.method} {request.url.host}{request.url.path}",
        "body": secrets.scrub(secrets.settings(meaningful(body)), _repeated(request)),
    }
    options = body.get("stream_options")
    wanted = isinstance(options, dict) and options.get("include_usage") is True
    meters = wanted or not (stream and shape.usage_on_request)
    return ModelCall(f"{shape.word} {model}" if model else shape.word, inputs, shape, model, stream, meters)


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


def _repeated(request: Any) -> list[str]:
    """The request's credentials that stand in its body as well; hardly ever any."""
    return [secret for secret in secrets.of(request) if json.dumps(secret)[1:-1].encode() in request.content]


def _body(library: Any, request: Any) -> dict[str, Any] | None:
    try:
        body = json.loads(request.content)
    except (library.RequestNotRead, ValueError):
        # An upload, or a body that is made while it is sent: no model call.
        return None
    return body if isinstance(body, dict) else None
