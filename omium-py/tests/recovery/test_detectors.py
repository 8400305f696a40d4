"""Runs that get nowhere: what counts as one, and what is done about it."""

from __future__ import annotations

import pytest

import omium
from omium.recovery.detectors import Loop, Stall, loop, repeats, stall


@pytest.mark.parametrize(
    ("keys", "least", "expected"),
    [
        ("", 2, 0),
        ("a", 1, 1),
        ("aaa", 3, 3),
        ("baaa", 4, 0),
        ("aaab", 2, 0),
        ("aaa", 0, 0),
    ],
)
def test_repeats(keys: str, least: int, expected: int) -> None:
    assert repeats(keys, least) == expected


@pytest.mark.parametrize(
    ("keys", "least", "expected"),
    [
        ("ababab", 3, Loop(("a", "b"), 3)),
        ("xababab", 3, Loop(("a", "b"), 3)),
        ("ababa", 3, None),
        ("abcabcabc", 3, Loop(("a", "b", "c"), 3)),
        ("aaaaaa", 3, None),
        ("abcabcabd", 3, None),
        ("ababab", 0, None),
        ("abcdefghijklm" * 3, 3, None),
    ],
)
def test_loops(keys: str, least: int, expected: Loop | None) -> None:
    assert loop(keys, least) == expected


@pytest.mark.parametrize(
    ("times", "now", "expected"),
    [
        ([0, 1000], 10**9, None),
        ([0, 1000, 2000, 3000], 60_000, None),
        ([0, 1000, 2000, 3000], 70_000, Stall(67_000, 1000)),
        ([0, 30_000, 60_000], 300_000, None),
        ([60_000, 0, 30_000], 400_000, Stall(340_000, 30_000)),
        ([1000, 2000, 3000], 0, None),
    ],
)
def test_stalls(times: list[int], now: int, expected: Stall | None) -> None:
    assert stall(times, now) == expected


@omium.step
def look(at: int) -> int:
    return at


def test_a_run_that_repeats_itself_is_warned_of_once() -> None:
    def circle() -> None:
        for _ in range(30):
            look(1)

    with omium.execution("r"), pytest.warns(RuntimeWarning, match="look was called 20 times in a row") as told:
        circle()
    assert len(told) == 1


def test_it_can_be_ended(store: object) -> None:
    omium.init(store=str(store), detect=omium.Detect(repeats=0, loops=3, action="fail"))

    def circle() -> None:
        for _ in range(10):
            look(1)
            try:
                look(2)
            except omium.Stuck:
                continue

    with pytest.raises(omium.Stuck, match="circles with the same inputs: look → look, 3 times"), omium.execution("r"):
        circle()
    run = omium.get("r")
    assert (run.status, len(run.checkpoints())) == ("failed", 5)


def test_the_record_alone_alarms_nobody(recwarn: pytest.WarningsRecorder) -> None:
    omium.init(store=omium.config.settings().store, detect=None)
    with omium.execution("r"):
        for _ in range(30):
            look(1)
    omium.init(store=omium.config.settings().store)
    with omium.execution("r", mode="replay"):
        for _ in range(30):
            look(1)
    assert not recwarn.list


@pytest.mark.parametrize("detect", [omium.Detect(repeats=-1), omium.Detect(loops=1), omium.Detect(action="stop")])  # type: ignore[arg-type]
def test_settings_that_make_no_sense_are_refused(detect: omium.Detect) -> None:
    with pytest.raises(omium.InvalidInput):
        omium.init(detect=detect)
