"""The attempts of one call: each that failed and is made again is on record, with how long to wait before the next.

So a crash between two attempts, or in the middle of one, starts neither their number nor the wait anew.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from omium import _omium, codec
from omium.exceptions import OmiumError
from omium.recovery import _failure

if TYPE_CHECKING:
    from omium.recovery._failure import Failure
    from omium.retry import Retry
    from omium.runtime._place import Place

__all__ = ["Attempts"]

_NAME = "attempt"


class Attempts(NamedTuple):
    """How far the attempts of a call have come."""

    made: int = 0
    failure: Failure | None = None
    """That of the last one."""
    wait: float = 0.0
    """Seconds that are left until the next."""
    rounds: int = 0
    """How often the call was given up before, and then begun anew by a resume."""

    @classmethod
    def known(cls, place: Place, retry: Retry) -> Attempts:
        """What is on record of earlier runs."""
        found = cls()
        if retry.times == 0 or not place.run.native.resumed:
            return found
        while True:
            last: _omium.Entry | None = None
            for number in range(1, retry.times + 1):
                entry = _recorded(place, found.rounds, number)
                if entry is None or entry.value is None:
                    break
                told = codec.loads(entry.value.codec, entry.value.read())
                # The clock may have been set since: what is left is within what was to be waited.
                left = min(max((told["until_ms"] - _now_ms()) / 1000, 0.0), told["wait"])
                found = cls(number, _failure.restored(told["failure"]), left, found.rounds)
                last = entry
            if last is None:
                return found
            place.since = max(place.since, last.seq)
            given_up = _given_up(place, last.seq)
            if given_up is None:
                return found
            place.since = max(place.since, given_up)
            found = cls(rounds=found.rounds + 1)

    def of_another(self) -> Attempts:
        """None yet, beside those on record."""
        return Attempts(rounds=self.rounds + 1) if self.made else self

    def again(self, place: Place, number: int, failure: Failure, wait: float) -> None:
        """Records that an attempt failed and when the next one is due. Blocks on the disk."""
        run = place.run
        told = {"wait": wait, "until_ms": _now_ms() + round(wait * 1000), **_failure.record(failure)}
        try:
            run.native.commit(_claim(place, self.rounds, number), codec.dumps(told))
        except OmiumError as error:
            run.abort(error)
            raise


def _recorded(place: Place, rounds: int, number: int) -> _omium.Entry | None:
    claim = _claim(place, rounds, number)
    if claim.recorded is None:
        place.run.native.abandon(claim)
    return claim.recorded


def _given_up(place: Place, seq: int) -> int | None:
    """The entry after that one by which the call failed for good."""
    later = place.run.store.entries(place.run.native.id, after=seq)
    failed = (each for each in later if each.status == "failed")
    return next((each.seq for each in failed if (each.scope, each.key, each.occurrence) == place.address), None)


def _claim(place: Place, rounds: int, number: int) -> _omium.Claim:
    digest = _omium.digest(codec.dumps_inputs({"round": rounds, "number": number}))
    return place.run.native.claim("note", place.path, _NAME, digest, spawned=True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
