"""Questions and timers survive the process that asked or slept."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

import omium
from omium import EntryNotFound, InvalidInput, NotFinished, Waiting


@omium.workflow
def approve(what: str) -> list[Any]:
    sure = omium.ask(f"{what}: sure?", choices=["yes", "no"])
    return [sure, omium.ask("how many?")]


def test_a_question_is_answered_and_the_run_goes_on() -> None:
    run = approve.options(id="a").start("buy")
    assert run.status == "waiting"
    assert [(each.text, each.choices) for each in run.questions()] == [("buy: sure?", ["yes", "no"])]
    with pytest.raises(NotFinished, match="sure"):
        run.result()
    with pytest.raises(InvalidInput, match="none of the choices"):
        omium.answer("a", "perhaps")
    omium.answer("a", "yes")
    assert run.resume().status == "waiting"
    run.answer({"n": 3})
    assert run.resume().result() == ["yes", {"n": 3}]
    assert run.replay().diverged_at is None
    with pytest.raises(InvalidInput, match="waits for no answer"):
        omium.answer("a", 1)


def test_asking_again_before_there_is_an_answer() -> None:
    run = approve.options(id="a").start("buy")
    assert approve.options(id="a").start("buy").status == "waiting"
    assert len(run.questions()) == 1


def test_a_rollback_takes_the_answer_back() -> None:
    run = approve.options(id="a").start("buy")
    run.answer("yes")
    run.resume()
    run.rollback(to=0)
    assert run.resume().questions()[0].text == "buy: sure?"


def test_loose_code_ends_with_the_question() -> None:
    def program() -> Any:
        with omium.execution("a"):
            try:
                return omium.ask("go on?")
            except Exception:  # As frameworks do.
                return omium.ask("and now?")

    with pytest.raises(Waiting, match="go on"):
        program()
    assert omium.get("a").status == "waiting"
    omium.answer("a", True)
    assert program() is True


def test_several_questions_are_told_apart_by_seq() -> None:
    import contextvars
    from concurrent.futures import ThreadPoolExecutor

    def program() -> list[Any]:
        with omium.execution("a"), ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(contextvars.copy_context().run, omium.ask, text) for text in ("one?", "two?")]
            return [each.result() for each in asked]

    with pytest.raises(Waiting):
        program()
    questions = omium.get("a").questions()
    if len(questions) == 2:
        with pytest.raises(InvalidInput, match="choose one"):
            omium.answer("a", 1)
    with pytest.raises(EntryNotFound):
        omium.answer("a", 1, seq=99)
    while omium.get("a").status != "completed":
        for each in omium.get("a").questions():
            omium.answer("a", each.text, seq=each.seq)
        try:
            assert program() == ["one?", "two?"]
        except Waiting:
            continue


@omium.workflow
def choose(choices: Any) -> Any:
    return omium.ask("which?", choices=choices)


@pytest.mark.parametrize(
    ("choices", "answer", "wrong"), [([True, False], True, 1), ([1, 2], 2, True), ([0.5, 1.0], 1, 2)]
)
def test_an_answer_is_the_choice_itself(choices: list[Any], answer: Any, wrong: Any) -> None:
    run = choose.options(id="a").start(choices)
    with pytest.raises(InvalidInput, match="none of the choices"):
        run.answer(wrong)
    given = run.answer(answer).resume().result()
    assert (given, type(given)) == (answer, type(choices[0]))


def test_choices_may_come_one_by_one() -> None:
    with pytest.raises(Waiting), omium.execution("a") as run:
        omium.ask("which?", choices=(letter for letter in "xy"))
    (question,) = run.questions()
    assert question.choices == ["x", "y"]


@pytest.mark.parametrize("choices", ["yes", [], {"yes", "no"}])
def test_what_nobody_could_choose_from_is_refused(choices: Any) -> None:
    with pytest.raises(InvalidInput, match="choices is a list"), omium.execution("a"):
        omium.ask("which?", choices=choices)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e12, "5"])
def test_a_time_nobody_can_wait_leaves_no_timer(seconds: Any) -> None:
    with pytest.raises(InvalidInput, match="a number of seconds"), omium.execution("a"):
        omium.sleep(seconds)
    assert [entry.kind for entry in omium.get("a").store.entries("a")] == ["note"], "its failure"


def test_questions_need_an_execution() -> None:
    with pytest.raises(InvalidInput, match="inside an execution"):
        omium.ask("anybody?")


async def test_async_questions() -> None:
    @omium.workflow
    async def later() -> Any:
        return await omium.aask("when?")

    run = await later.options(id="a").start()
    assert run.status == "waiting"
    omium.answer("a", "now")
    assert await (await run.aresume()).aresult() == "now"


@omium.workflow
def nap(seconds: float) -> str:
    omium.sleep(seconds)
    return "awake"


def test_a_timer_is_slept_once() -> None:
    began = time.monotonic()
    run = nap.options(id="a").start(0.2)
    assert time.monotonic() - began >= 0.2
    began = time.monotonic()
    run.rollback(to=run.head)
    assert nap.options(id="a").start(0.2).result() == "awake"
    assert time.monotonic() - began < 0.2


@pytest.mark.parametrize(("jump_s", "slept"), [(0, 5.0), (3, 2.0), (3600, 0.0), (-3600, 5.0)])
def test_a_clock_that_jumps_never_makes_it_longer_or_negative(
    monkeypatch: pytest.MonkeyPatch, jump_s: int, slept: float
) -> None:
    naps: list[float] = []

    class Killed(BaseException):
        pass

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 1:
            raise Killed

    monkeypatch.setattr("omium.runtime._course.time.sleep", sleep)
    with pytest.raises(Killed):
        nap.options(id="a").start(5)
    now = time.time_ns
    monkeypatch.setattr("omium.signal.time.time_ns", lambda: now() + jump_s * 1_000_000_000)
    assert nap.options(id="a").start(5).result() == "awake"
    assert naps[0] == 5
    assert naps[1] == pytest.approx(slept, abs=0.5)
    assert 0 <= naps[1] <= 5


async def test_a_timer_that_was_given_up_is_given_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    deadly = [True]

    @omium.step
    async def tell(what: str) -> str:
        return what

    @omium.workflow
    async def wait() -> str:
        try:
            await asyncio.wait_for(omium.asleep(3600), 0.01)
        except asyncio.TimeoutError:
            return await last("given up")
        return await last("slept")

    async def last(what: str) -> str:
        await tell(what)
        if deadly:
            raise Killed
        return what

    with pytest.raises(Killed):
        await wait.options(id="a").start()
    deadly.clear()
    later = time.time_ns
    # The hour is over when it is resumed.
    monkeypatch.setattr("omium.signal.time.time_ns", lambda: later() + 7200 * 1_000_000_000)
    run = await wait.options(id="a").start()
    assert await run.aresult() == "given up"
    assert (await run.areplay()).diverged_at is None


async def test_a_sleep_after_one_that_was_given_up_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from omium.runtime import _cancelled

    monkeypatch.setattr(_cancelled, "_GRACE", 3600)

    @omium.workflow
    async def nap(stop: bool) -> str:
        try:
            await asyncio.wait_for(omium.asleep(0.3), 0.1)
        except asyncio.TimeoutError:
            await asyncio.wait_for(omium.asleep(0.3), 10)
        if stop:
            raise KeyboardInterrupt
        return "awake"

    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        await nap.options(id="a").start(True)
    assert time.monotonic() - before >= 0.4, "the second sleep is a whole one"
    # It ended before it gave a result: the same code, with what it was given then, is run on.
    with pytest.raises(KeyboardInterrupt):
        await nap.options(id="a").start(True)
    kinds = [entry.kind for entry in omium.config.store().entries("a")]
    assert kinds == ["timer", "note", "timer", "timer"], "nothing new was slept"


async def test_async_timers_and_the_wrong_one_in_a_loop() -> None:
    async with omium.execution("a"):
        await omium.asleep(0.01)
        with pytest.raises(InvalidInput, match="asleep"):
            omium.sleep(0.01)
    with pytest.raises(InvalidInput, match="from 0 up"):
        await omium.asleep(-1)
