"""What must not reach the store: credentials in headers, query strings and settings of a request.

Prompts and answers are recorded as they are; only the very credentials of the request are taken out of
them where they occur.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_plus

from omium import _redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["REDACTED", "headers", "of", "scrub", "settings"]

REDACTED = "[redacted]"

_NAME = re.compile(
    r"auth(?!or(?!i[sz]))|cookie|passw|secret|credential|api.?key|signature|token$|^sig$|^code$|"
    r"(?<!idempotency.)(?<!cache.)(?<!partition.)(?<!routing.)key$",
    re.IGNORECASE,
)
"""Headers and query parameters that carry credentials. What only sounds like one may be a word of the answer."""

_SETTING = re.compile(
    r"(?:^|[-_])(?:authorization|authorization_token|(?:api|access|private|subscription)[-_]?key|password|secret|token|"
    r"cookie|connection[-_]string)$",
    re.IGNORECASE,
)
"""The same among the settings of a request, where an "author" may be a field of a schema."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# A filter has a "key", too, which is none.
_INSIDE = (
    (re.compile(r"^auth(?:entication|orization)?$", re.IGNORECASE), re.compile(r"key$", re.IGNORECASE)),
    (re.compile(r"headers$", re.IGNORECASE), _NAME),
)
"""More of them, by the setting they stand in."""

_PARAMETER = re.compile(r"([?&]([^=&#\s]{1,80})=)[^&#\s\"'<>]+")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)

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
    for parameter in request.url.query.decode("ascii", "replace").split("&"):
        name, _, value = parameter.partition("=")
        if _NAME.search(unquote(name)):
            # An answer may repeat the address as it was, or what it says.
            found.update((value, unquote(value), unquote_plus(value)))
    found.update(_redact.shaped(request.url.path))
    found.update((request.url.password, request.url.username))
    spelled = {form for value in found if len(value) >= _LENGTH_MIN for form in _spelled(value)}
    return sorted(spelled, key=lambda value: (-len(value), value))


def _spelled(secret: str) -> tuple[str, ...]:
    """As it is, and as it stands in JSON."""
    if secret.isalnum() and secret.isascii():
        return (secret,)
    escaped = json.dumps(secret)[1:-1]
    return secret, escaped, json.dumps(secret, ensure_ascii=False)[1:-1], escaped.replace("/", "\\/")


def headers(items: Iterable[tuple[str, str]], secrets: Sequence[str]) -> list[list[str]]:
    """The headers of an answer, fit to be kept. Cookies are left out: a replay must not set them."""
    return [
        [name, REDACTED if _NAME.search(name) else _parameters(scrub(value, secrets))]
        for name, value in items
        if "cookie" not in name.lower()
    ]


def settings(body: dict[str, Any]) -> dict[str, Any]:
    """A request's body with the credentials in its settings (of tool servers, for instance) taken out.

    The conversation itself is data and stays as it is.
    """
    return {key: value if key in _CONVERSATION else _settings(key, value) for key, value in body.items()}


def _settings(name: str, value: Any, keys: re.Pattern[str] = _SETTING) -> Any:
    if isinstance(value, dict):
        inside = next((more for place, more in _INSIDE if place.search(name)), _SETTING)
        return {key: _settings(key, inner, inside) for key, inner in value.items()}
    if isinstance(value, list):
        return [_settings(name, inner, keys) for inner in value]
    if not isinstance(value, str):
        return value
    if _SETTING.search(_HUMP.sub("_", name)) or keys.search(name):
        return REDACTED
    return _redact.text(_parameters(value)) if _URL.fullmatch(value) else value


def _parameters(value: str) -> str:
    """The text without credentials among the parameters of addresses."""
    return _PARAMETER.sub(lambda found: found[1] + REDACTED if _NAME.search(unquote(found[2])) else found[0], value)


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
