"""The order of what calls do at the same time is no promise, and what stands twice is broken all the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from omium.torture.traces import Left, journal
from omium.torture.trial import Trial
from omium.torture.verdict import Judge

FIRST, SECOND = ("effect", "e", "", "send", "k1", 0), ("effect", "e", "", "send", "k2", 0)
APART = [("body", *FIRST), ("recorded", *FIRST), ("body", *SECOND), ("recorded", *SECOND)]
AT_ONCE = [("body", *FIRST), ("body", *SECOND), ("recorded", *SECOND), ("recorded", *FIRST)]
INSIDE = [("body", *FIRST), ("body", "step", "e", "send~k1#0", "deep", "k3", 0), ("recorded", *FIRST)]


def trial(path: Path, moments: list[tuple[object, ...]], lines: list[str]) -> Trial:
    file = path / "journal"
    file.write_text("".join(json.dumps(["boundary", *moment]) + "\n" for moment in moments))
    left = Left({}, {"ledger.txt": lines}, [], {}, set(), [], [])
    return Trial(path, None, journal(file), left, 0, "", {})


@pytest.mark.parametrize(("moments", "found"), [(APART, 1), (AT_ONCE, 0), (INSIDE, 1)])
def test_only_what_runs_one_after_the_other_has_an_order(
    tmp_path: Path, moments: list[tuple[object, ...]], found: int
) -> None:
    reference = trial(tmp_path, moments, ["a", "b"])
    judge = Judge(reference, reference)
    assert len(judge.judge(trial(tmp_path, moments, ["b", "a"]))) == found
    assert judge.reordered == (set() if found else {"ledger.txt"})
    assert [each.what for each in judge.judge(trial(tmp_path, moments, ["b", "a", "a"]))] == [
        "ledger.txt has lines more than once: an effect was repeated"
    ]
