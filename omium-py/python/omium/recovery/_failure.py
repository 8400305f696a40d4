"""A failure as it is kept: what kind it was, where, and what may help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from omium import _redact, codec
from omium.codec import text
from omium.recovery import _classes
from omium.recovery._stack import of_traceback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omium import _omium

__all__ = ["READ", "Failure", "FailureType", "decision", "meta", "of_entry", "record", "restored"]

FailureType = Literal[
    "timeout",
    "rate_limit",
    "provider_error",
    "tool_error",
    "bad_output",
    "failed_check",
    "divergence",
    "budget",
    "crash",
    "stuck",
    "other",
]

_MESSAGE_CHARS_MAX = 2_000
_KEY = "failure"
_DECISION = "recovery"

READ = "read"
"""In the meta of a stream's beginning: how the program went on. It is no failure."""


class Failure(NamedTuple):
    """One failure of an execution. Secrets are taken out of its texts."""

    type: FailureType
    error: str
    """The class of the exception."""
    message: str
    step: str | None = None
    """What failed, or hangs; None for the workflow itself."""
    seq: int = 0
    """Its entry, as `EXEC@SEQ`."""
    suspect: int | None = None
    """The entry whose output it was given; `omium why` looks further."""
    stack: tuple[str, ...] = ()
    """`file:line in function`, the innermost last."""
    attempts: int = 1
    condition: str | None = None
    """The check that did not hold."""
    path: str | None = None
    """The part of the value that did not pass it."""
    recovery: str | None = None
    """What the policy did next, such as "rollback:plan"."""
    passed_over: str | None = None
    """Why a rollback the policy asked for was not made."""
    created_ms: int = 0
    live: bool = True
    """False when a rollback left it behind."""

    @property
    def suggestion(self) -> str:
        """What is worth trying."""
        return _classes.SUGGESTIONS[self.type]

    @property
    def recoverable(self) -> bool:
        """Whether the same code may succeed when it is simply resumed."""
        return self.type in _classes.PASSING

    def to_json(self) -> dict[str, Any]:
        """Plain data, for tools."""
        plain = self._asdict()
        plain["stack"] = list(self.stack)
        return {**plain, "suggestion": self.suggestion, "recoverable": self.recoverable}


def of(error: BaseException, kind: str | None = None) -> Failure:
    """What is to be known of an exception; `kind` is that of the entry it came out of."""
    return Failure(
        type=_classes.type_of(error, kind),
        error=type(error).__qualname__,
        message=_redact.text(text(error)[:_MESSAGE_CHARS_MAX]),
        stack=of_traceback(error.__traceback__),
        condition=getattr(error, "condition", None) if _classes.is_check(error) else None,
        path=getattr(error, "path", None) if _classes.is_check(error) else None,
    )


def record(failure: Failure, decided: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the meta of a failed entry says of the failure."""
    kept = ("type", "error", "message", "step", "stack", "condition", "path")
    plain = {name: value for name in kept if (value := getattr(failure, name)) not in (None, ())}
    if "stack" in plain:
        plain["stack"] = list(failure.stack)
    return {_KEY: plain, **({_DECISION: dict(decided)} if decided else {})}


def restored(plain: Mapping[str, Any]) -> Failure:
    """The failure that `record` made plain."""
    return Failure(**{**plain, "stack": tuple(plain.get("stack", ()))})


def meta(entry: _omium.Entry) -> dict[str, Any]:
    """What is remarked of an entry beside its value; empty where a host framework keeps its own."""
    if entry.meta is None or entry.meta.codec != "msgpack":
        return {}
    found = codec.loads(entry.meta.codec, entry.meta.read())
    return found if isinstance(found, dict) else {}


def decision(entry: _omium.Entry) -> dict[str, Any] | None:
    """What the policy decided when that failure was recorded."""
    decided = meta(entry).get(_DECISION)
    return decided if isinstance(decided, dict) else None


def of_entry(entry: _omium.Entry) -> Failure | None:
    """The failure an entry tells of; None when it tells of none."""
    known = meta(entry)
    if known.get(READ) == "part":
        return None
    plain = known.get(_KEY)
    if not isinstance(plain, dict):
        if entry.status != "failed":
            return None
        # Recorded without a record of its own, by a host framework or an older version.
        name, _, message = (entry.error or "").partition(": ")
        plain = {"type": _classes.type_of_name(name, entry.kind), "error": name, "message": message}
    decided = known.get(_DECISION) or {}
    action, target = decided.get("action"), decided.get("target")
    return Failure(
        **{
            "step": None if entry.kind == "note" else entry.name,
            **plain,
            "stack": tuple(plain.get("stack", ())),
        },
        seq=entry.seq,
        attempts=entry.attempts,
        recovery=f"{action}:{target}" if target else action,
        passed_over=decided.get("why"),
        created_ms=entry.created_ms,
        live=entry.live,
    )
