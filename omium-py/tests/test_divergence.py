"""Code that changed since the record was made is found before it does anything, and shown readably."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

import omium
from omium import Divergence

ran: Counter[str] = Counter()


def make(name: str) -> Callable[..., Any]:
    @omium.step(name=name)
    def made(**inputs: Any) -> str:
        ran[name] += 1
        return name

    return made


search, write, send = make("search"), make("write"), make("send")


def interrupted(program: Callable[[], Any]) -> None:
    """A run of the first version of a program that stops at its end."""

    def stops() -> None:
        program()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), omium.execution("report-42"):
        stops()
    ran.clear()


def diverged(program: Callable[[], Any]) -> Divergence:
    """What the changed program meets."""
    with pytest.raises(Divergence) as caught, omium.execution("report-42"):
        program()
    assert not ran, "something ran before the divergence was found"
    assert caught.value.execution == "report-42"
    return caught.value


def first() -> None:
    search(topic="agents", limit=3, filters={"lang": ["en", "de"], "year": 2024})
    write(style="plain", sources=["a", "b", "c"])
    send(to="ann@example.org")


def test_a_renamed_step(snapshot: SnapshotAssertion) -> None:
    interrupted(first)

    def renamed() -> None:
        make("find")(topic="agents", limit=3, filters={"lang": ["en", "de"], "year": 2024})

    error = diverged(renamed)
    assert error.seq == 1
    assert error.diff == ()
    assert str(error) == snapshot


def test_reordered_steps_are_answered_and_another_one_is_refused(snapshot: SnapshotAssertion) -> None:
    interrupted(first)

    def reordered() -> None:
        write(style="plain", sources=["a", "b", "c"])
        search(topic="agents", limit=3, filters={"lang": ["en", "de"], "year": 2024})
        write(style="plain", sources=["d"])

    error = diverged(reordered)
    assert error.seq == 3
    assert str(error) == snapshot


def test_a_changed_input(snapshot: SnapshotAssertion) -> None:
    interrupted(first)

    def changed() -> None:
        search(topic="agents", limit=5, filters={"lang": ["en", "fr"], "year": 2024, "kind": "paper"})

    error = diverged(changed)
    assert error.seq == 1
    assert len(error.diff) == 3
    assert str(error) == snapshot


def test_a_step_put_in(snapshot: SnapshotAssertion) -> None:
    interrupted(first)

    def longer() -> None:
        search(topic="agents", limit=3, filters={"lang": ["en", "de"], "year": 2024})
        send(to="bob@example.org")

    error = diverged(longer)
    assert error.seq == 2
    assert str(error) == snapshot


def test_what_a_step_left_out_had_recorded_stays_on_record() -> None:
    interrupted(first)
    with omium.execution("report-42"):
        search(topic="agents", limit=3, filters={"lang": ["en", "de"], "year": 2024})
        send(to="ann@example.org")
    assert not ran
    report = omium.execution("report-42", mode="replay")
    with report:
        write(style="plain", sources=["a", "b", "c"])


def test_a_long_prompt_that_changed_in_one_word(snapshot: SnapshotAssertion) -> None:
    prompt = "Be careful.\n" + "Use plain words.\n" * 20 + "Never guess a {} number.\n" + "Be brief.\n" * 10
    interrupted(lambda: write(prompt=prompt.format("telephone")))
    error = diverged(lambda: write(prompt=prompt.format("fax")))
    assert str(error) == snapshot


def test_a_change_inside_a_step_that_did_not_finish(snapshot: SnapshotAssertion) -> None:
    @omium.step
    def compose(style: str) -> None:
        search(topic="a") if style == "old" or not changed else write(topic="a")
        if not changed:
            raise KeyboardInterrupt

    changed: list[bool] = []
    with pytest.raises(KeyboardInterrupt), omium.execution("report-42"):
        compose("new")
    ran.clear()
    changed.append(True)
    error = diverged(lambda: compose("new"))
    assert error.seq == 1
    assert str(error) == snapshot


def test_steps_in_other_strands_may_come_in_any_order() -> None:
    import contextvars
    from concurrent.futures import ThreadPoolExecutor

    def in_order(names: list[str]) -> Callable[[], None]:
        def program() -> None:
            with ThreadPoolExecutor(1) as pool:
                for name in names:
                    pool.submit(contextvars.copy_context().run, lambda name=name: make(name)(x=1)).result()

        return program

    interrupted(in_order(["p", "q", "r"]))
    with omium.execution("report-42"):
        in_order(["r", "p", "q"])()
    assert not ran


def test_new_steps_after_the_record_are_no_divergence() -> None:
    interrupted(first)
    with omium.execution("report-42"):
        first()
        write(style="more")
    assert ran == {"write": 1}


def test_the_original_code_still_resumes_after_a_divergence() -> None:
    interrupted(first)
    diverged(lambda: send(to="nobody"))
    with omium.execution("report-42") as run:
        first()
    assert not ran
    assert run.status == "completed"


def test_an_effect_is_compared_by_what_tells_it_from_others() -> None:
    @omium.effect(key="to", undo=lambda to, text: None)
    def mail(to: str, text: str) -> None:
        ran["mail"] += 1

    interrupted(lambda: mail("ann", "hello"))
    assert diverged(lambda: mail("bob", "hello")).diff == ("~ to: 'ann' → 'bob'",)
