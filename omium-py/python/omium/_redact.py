"""Keeps secrets out of what is written about failures: by the names they go by, and by their shapes."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["REDACTED", "names_secret", "shaped", "text", "tree"]

REDACTED = "[redacted]"

_NAME = re.compile(
    r"(?:^|[^a-z])(?:authorization|auth[-_]?token|api[-_]?key|apikey|access[-_]?key|private[-_]?key|secret|passw(?:or)?d|"
    r"passphrase|credentials?|cookie|session[-_]?id|token|sig(?:nature)?|key)$",
    re.IGNORECASE,
)
_WORD = r"[A-Za-z0-9_.~+/=-]"
_PLAIN = rf"(?:-?\d+|null|true|false|none)(?!{_WORD})"
"""What stands there for the number of tokens, or for none: JSON is to stay JSON."""

# No pattern begins with what may go on for long: of a long text that would be looked at from every place in it.
_ASSIGNED = re.compile(
    rf"""(?P<name>(?:api[-_]?key|access[-_]?key|private[-_]?key|secret|passw(?:or)?d|token|cookie|"""
    rf"""authorization|credential)\b["']?\s*[:=]\s*)(?P<quote>["']?)(?:(?:Bearer|Basic)\s+)?(?!{_PLAIN}){_WORD}{{4,}}"""
    r"""(?P=quote)""",
    re.IGNORECASE,
)
_QUERY = re.compile(r"([?&](?:[a-z_-]*key|sig|signature|[a-z_-]*token|code)=)[^&\s\"'<>]+", re.IGNORECASE)
_BEARER = re.compile(rf"\b((?:Bearer|Basic)\s+){_WORD}{{8,}}", re.IGNORECASE)
_USER = re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^/\s:@]*:)[^/\s@]+@", re.IGNORECASE)
_SHAPES = re.compile(
    r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{12,}|\bAIza[A-Za-z0-9_-]{30,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}|"
    r"\bxox[abpr]-[A-Za-z0-9-]{10,}|\beyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*|"
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)


def text(value: str) -> str:
    """The text without what looks like a secret."""
    value = _SHAPES.sub(REDACTED, value)
    value = _ASSIGNED.sub(rf"\g<name>\g<quote>{REDACTED}\g<quote>", value)
    value = _BEARER.sub(rf"\1{REDACTED}", value)
    value = _QUERY.sub(rf"\1{REDACTED}", value)
    return _USER.sub(rf"\1{REDACTED}@", value)


def shaped(value: str) -> list[str]:
    """The parts of a text that have the shape of a secret."""
    return [found[0] for found in _SHAPES.finditer(value)]


def names_secret(name: Any) -> bool:
    """Whether what goes by that name is kept to oneself."""
    return isinstance(name, str) and _NAME.search(name) is not None


def tree(value: Any) -> Any:
    """A plain tree without its secrets."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {name: REDACTED if names_secret(name) and item else tree(item) for name, item in value.items()}
    if isinstance(value, list):
        return [tree(item) for item in value]
    if isinstance(value, tuple) and hasattr(value, "_replace") and hasattr(value, "value"):
        return value._replace(value=tree(value.value))
    return value
