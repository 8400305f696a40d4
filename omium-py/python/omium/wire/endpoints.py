"""Which requests are model calls: by path, on any host, so that local servers and gateways count too."""

from __future__ import annotations

import re
from typing import NamedTuple

from omium.exceptions import InvalidInput
from omium.wire.shapes import SHAPES

__all__ = ["Endpoint", "add", "find"]


class Endpoint(NamedTuple):
    path: re.Pattern[str]
    shape: str
    host: str | None = None


def _endpoint(path: str, shape: str, host: str | None = None) -> Endpoint:
    return Endpoint(re.compile(f"(?:{path})/?$"), shape, host)


_MODEL = r"/models/(?P<model>[^/:]+)"

_known = [
    _endpoint(r"(?:/deployments/(?P<model>[^/]+))?/chat/completions", "chat"),
    _endpoint(r"(?:/deployments/(?P<model>[^/]+))?/completions", "completions"),
    _endpoint(r"(?:/deployments/(?P<model>[^/]+))?/embeddings", "embeddings"),
    _endpoint(r"/responses", "responses"),
    _endpoint(r"/v1/messages", "messages"),
    _endpoint(r"/publishers/anthropic" + _MODEL + r":(?:streamR|r)awPredict", "messages"),
    _endpoint(_MODEL + r":(?:streamG|g)enerateContent", "gemini"),
    _endpoint(_MODEL + r":(?:batchEmbedContents|embedContent)", "embeddings"),
    _endpoint(r"/v1\w*(?:/projects/.+)?/interactions", "interactions"),
    _endpoint(r"/model/(?P<model>[^/]+)/(?:invoke(?:-with-response-stream)?|converse(?:-stream)?)", "bedrock"),
    _endpoint(r"/api/(?:chat|generate|embed)", "ollama"),
]
_added: list[Endpoint] = []


def add(path: str, shape: str, host: str | None) -> None:
    if shape not in SHAPES:
        raise InvalidInput(f"shape is one of {', '.join(SHAPES)}, not {shape!r}")
    try:
        _added.insert(0, _endpoint(path, shape, host))
    except re.error as error:
        raise InvalidInput(f"path {path!r} is no regular expression: {error}") from None


def find(host: str, path: str) -> tuple[str, str | None] | None:
    """The shape of the answer, and the model where the path names it; None for any other request."""
    for endpoint in (*_added, *_known):
        if endpoint.host is None or endpoint.host == host:
            match = endpoint.path.search(path)
            if match is not None:
                return endpoint.shape, match.groupdict().get("model")
    return None
