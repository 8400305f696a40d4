"""What must not reach the store: credentials in headers, query strings and settings of a request.

Prompts and answers are recorded as they are; only the very credentials of the request are taken out of
them where they occur.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["REDACTED", "headers", "of", "scrub", "settings"]

REDACTED = "[redacted]"

_NAME = re.compile(r"auth|cookie|passw|secret|credential|api.?key|signature|token$|^key$|^sig$", re.IGNORECASE)
"""Headers and query parameters that carry credentials."""

_SETTING = re.compile(
    r"(?:^|[-_])(?:authorization|authorization_token|api[-_]?key|password|secret|token|cookie)$", re.IGNORECASE
)
"""The same among the settings of a request, where an "author" may be a field of a schema."""

_LENGTH_MIN = 8
"""A shorter credential would be taken out of ordinary words."""

# The credential of `Authorization: Bearer XYZ` is XYZ: an answer may repeat it without the scheme.
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9-]*\s+")

_CONVERSATION = frozenset({"messages", "input", "contents", "prompt", "system", "instructions", "systemInstruction"})


def of(request: Any) -> list[str]:
    """The credentials of an httpx request, the longest first."""
    found: set[str] = set()
    for name, value in request.headers.multi_items():
        if "cookie" in name.lower():
            found.update(pair.partition("=")[2].strip() for pair in value.split(";"))
        elif _NAME.search(name):
            found.update((value, _SCHEME.sub("", value)))
    found.update(value for name, value in request.url.params.multi_items() if _NAME.search(name))
    found.update((request.url.password, request.url.username))
    return sorted((value for value in found if len(value) >= _LENGTH_MIN), key=lambda value: (-len(value), value))


def headers(items: Iterable[tuple[str, str]], secrets: Sequence[str]) -> list[list[str]]:
    """The headers of an answer, fit to be kept. Cookies are left out: a replay must not set them."""
    return [
        [name, REDACTED if _NAME.search(name) else scrub(value, secrets)]
        for name, value in items
        if "cookie" not in name.lower()
    ]


def settings(body: dict[str, Any]) -> dict[str, Any]:
    """A request's body with the credentials in its settings (of tool servers, for instance) taken out.

    The conversation itself is data and stays as it is.
    """
    return {key: value if key in _CONVERSATION else _settings(key, value) for key, value in body.items()}


def _settings(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _settings(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_settings(name, inner) for inner in value]
    return REDACTED if isinstance(value, str) and _SETTING.search(name) else value


def scrub(value: Any, secrets: Sequence[str]) -> Any:
    """The same text, bytes or tree without the credentials."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, REDACTED)
        return value
    if isinstance(value, bytes):
        for secret in secrets:
            value = value.replace(secret.encode(), REDACTED.encode())
        return value
    if isinstance(value, dict):
        return {scrub(key, secrets): scrub(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list):
        return [scrub(inner, secrets) for inner in value]
    return value
