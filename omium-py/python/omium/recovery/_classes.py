"""What kind of failure an exception is, told by what it says of itself.

No provider's package is imported for it: HTTP statuses and class names are enough.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from omium.exceptions import (
    BudgetExceeded,
    CheckFailed,
    Divergence,
    InDoubt,
    InvalidInput,
    NotSerializable,
    RecordedFailure,
    Stuck,
    UndoFailed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from omium.recovery._failure import FailureType

    Failures: TypeAlias = type[Exception] | FailureType | Sequence[type[Exception] | FailureType]
    """Which failures a policy deals with: classes of exceptions, and types of failures."""

__all__ = ["PASSING", "SUGGESTIONS", "check_failures", "is_among", "is_check", "type_of", "type_of_name"]

PASSING: Final = frozenset({"timeout", "rate_limit", "provider_error", "crash"})
"""Types that go away by themselves."""

SUGGESTIONS: Final[Mapping[FailureType, str]] = {
    "timeout": "resume it; if it happens again, allow the step more time (timeout=) or retries",
    "rate_limit": "wait a little and resume; retries= with a longer Retry(first=) spreads the calls",
    "provider_error": "resume it; if the provider refuses the request itself, repair the request or the credentials",
    "tool_error": "see whether the tool was given what it needs: `omium why` shows where its arguments came from",
    "bad_output": "roll back to the step that made the output; recovery=['rollback:STEP'] tells it why",
    "failed_check": "`omium why` shows where the value came from; roll back to that step, or repair it in a fork",
    "divergence": "bring back the code that made the record, or fork before the entry and go on from there",
    "budget": "raise the budget, then resume: what is recorded is not paid for again",
    "crash": "resume it: what is recorded is not run again",
    "stuck": "change what it decides by, or give the step that hangs a timeout=, then resume",
    "other": "`omium why` shows what changed since the last good run",
}

_OWN: tuple[tuple[type[Exception], FailureType], ...] = (
    (CheckFailed, "failed_check"),
    (Divergence, "divergence"),
    (BudgetExceeded, "budget"),
    (NotSerializable, "bad_output"),
    (InDoubt, "tool_error"),
    (UndoFailed, "tool_error"),
    (Stuck, "stuck"),
)

_PATTERNS: Final[Mapping[str, FailureType]] = {
    r"^(Pre|Post)conditionFailed$|^CheckFailed$": "failed_check",
    r"^Divergence$": "divergence",
    r"^BudgetExceeded$": "budget",
    r"^Stuck$": "stuck",
    r"Timeout|TimedOut|DeadlineExceeded": "timeout",
    r"RateLimit|TooManyRequests|ResourceExhausted|Throttl|QuotaExceeded": "rate_limit",
    r"^API(Connection|Status|Response)?Error$|InternalServer|Unavailable|Overloaded|BadGateway": "provider_error",
    r"Authentication|PermissionDenied|^(BadRequest|NotFound|Conflict|UnprocessableEntity)Error$": "provider_error",
    r"^(Connect|Connection\w*|Read|Write|Network|\w*Protocol|HTTP\w*|Transport)Error$": "provider_error",
    r"JSONDecode|Validation|OutputParser|ParseError|ParserException|UnicodeDecode|NotSerializable": "bad_output",
    r"LengthFinishReason|ContentFilter": "bad_output",
    r"Tool": "tool_error",
}
"""By the name of the class, the first that matches."""

_ENDING = ("divergence", "budget", "crash")
"""Types that end the run, whatever a policy says."""

_CAUSES_MAX = 5
_ACTING = ("tool", "effect")


def is_check(error: BaseException) -> bool:
    return isinstance(error, CheckFailed)


def type_of(error: BaseException, kind: str | None = None) -> FailureType:
    """The type of an exception, or of what caused it when it says nothing itself."""
    for each in _causes(error):
        found = _by_class(each) or _by_status(each) or _by_name(_name(each))
        if found is not None:
            return found
    return "tool_error" if kind in _ACTING else "other"


def is_among(on: Failures, error: BaseException, kind: str | None = None) -> bool:
    """Whether a failure is one of those a policy deals with."""
    return any(
        isinstance(error, each) if isinstance(each, type) else each == type_of(error, kind) for each in _each(on)
    )


def check_failures(what: str, on: Failures) -> None:
    """Refuses what names no failures."""
    found = _each(on)
    if not found:
        raise InvalidInput(f"{what} names no failure: leave it out for all of them")
    dealt_with = [each for each in SUGGESTIONS if each not in _ENDING]
    for each in found:
        if each in _ENDING:
            raise InvalidInput(f"{what}: {each!r} ends the run, so no policy deals with it")
        if not (isinstance(each, type) and issubclass(each, Exception)) and each not in dealt_with:
            types = ", ".join(map(repr, dealt_with))
            raise InvalidInput(f"{what} takes classes of exceptions and types of failures ({types}), not {each!r}")


def _each(on: Failures) -> Sequence[type[Exception] | FailureType]:
    return on if isinstance(on, (list, tuple)) else (on,)


def type_of_name(name: str, kind: str | None = None) -> FailureType:
    """The same when only the name of the class is left."""
    return _by_name(name) or ("tool_error" if kind in _ACTING else "other")


def _causes(error: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        if each is None:
            return
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _by_class(error: BaseException) -> FailureType | None:
    for cls, kind in _OWN:
        if isinstance(error, cls):
            return kind
    if isinstance(error, TimeoutError):
        return "timeout"
    return "provider_error" if isinstance(error, ConnectionError) else None


def _by_status(error: BaseException) -> FailureType | None:
    """By the HTTP status that openai, anthropic, httpx, requests and google errors carry."""
    try:
        status = getattr(error, "status_code", None)
        if status is None:
            status = getattr(getattr(error, "response", None), "status_code", None)
        if status is None:
            status = getattr(error, "code", None)
    except NotSerializable:
        return None  # One from the record, whose response could not be kept.
    if isinstance(status, bool) or not isinstance(status, int) or not 400 <= status <= 599:
        return None
    if status == 429:
        return "rate_limit"
    return "timeout" if status in (408, 504) else "provider_error"


def _by_name(name: str) -> FailureType | None:
    short = name.rpartition(".")[2]
    return next((kind for pattern, kind in _PATTERNS.items() if re.search(pattern, short)), None)


def _name(error: BaseException) -> str:
    if isinstance(error, RecordedFailure) and error.type is not None:
        return error.type.rpartition(":")[2]
    return type(error).__qualname__
