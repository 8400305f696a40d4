"""What a run tells: the logger `omium`, and hooks. Of what is durable, without values, and in nobody's way."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import omium
from omium import Event, InvalidInput

SECRET = "sk-live-0123456789abcdef"


@pytest.fixture
def told() -> Any:
    """Everything hooks were told, in order."""
    events: list[Event] = []
    hook = omium.on("step", "effect", "llm", "tool", "signal", "timer", "failure", "doubt")(events.append)
    whole = omium.on("begin", "resume", "wait", "complete")(events.append)
    yield events
    hook.remove()
    whole.remove()


@omium.step
def search(topic: str) -> list[str]:
    return [topic, SECRET]


@omium.step
def write(sources: list[str]) -> str:
    if len(sources) < 3:
        raise ValueError(SECRET)
    return " ".join(sources)


def stops(ran: Counter[str]) -> None:
    ran["stops"] += 1
    if ran["stops"] == 1:
        raise KeyboardInterrupt


def report(ran: Counter[str]) -> str:
    with omium.execution("report-42", workflow="report"):
        found = search("a") + search("b") + search("c")
        stops(ran)
        return write(found)


def interrupted(ran: Counter[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        report(ran)


def test_a_resume_says_what_came_from_the_record(ran: Counter[str], caplog: pytest.LogCaptureFixture) -> None:
    interrupted(ran)
    caplog.set_level(logging.INFO, "omium")
    report(ran)
    assert caplog.record_tuples == [
        ("omium", logging.INFO, "report-42: is resumed"),
        ("omium", logging.INFO, "report-42: resumed, 3 steps answered from the record"),
        ("omium", logging.INFO, "report-42: completed"),
    ]


def test_every_call_is_told_at_debug_and_no_value(ran: Counter[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "omium")
    interrupted(ran)
    assert [each.split(",")[0] for each in caplog.messages] == [
        "report-42: begins",
        "report-42@1: step search recorded",
        "report-42@2: step search recorded",
        "report-42@3: step search recorded",
    ]
    caplog.clear()
    report(ran)
    assert [each.split(",")[0] for each in caplog.messages] == [
        "report-42: is resumed",
        "report-42@1: step search answered from the record",
        "report-42@2: step search answered from the record",
        "report-42@3: step search answered from the record",
        "report-42: resumed",
        "report-42@4: step write recorded",
        "report-42: completed",
    ]
    with pytest.raises(ValueError, match=SECRET), omium.execution("fails"):
        write(["x"])
    assert caplog.messages[-2].startswith("fails@1: step write failed, ")
    assert caplog.messages[-2].endswith(" ms (ValueError)")
    assert caplog.messages[-1] == "fails: failed (ValueError)"
    assert SECRET not in caplog.text


def test_what_is_counted(ran: Counter[str], caplog: pytest.LogCaptureFixture) -> None:
    @omium.effect
    def mail(to: str) -> str:
        return to

    def program() -> None:
        with omium.execution("mixed"):
            search("a")
            mail("one")
            mail("two")
            omium.sleep(0)
            stops(ran)

    with pytest.raises(KeyboardInterrupt):
        program()
    caplog.set_level(logging.INFO, "omium")
    program()
    assert "mixed: resumed, 1 step, 2 effects and 1 sleep answered from the record" in caplog.messages


def test_a_doubt_is_a_warning(ran: Counter[str], caplog: pytest.LogCaptureFixture, told: list[Event]) -> None:
    @omium.effect(probe=lambda: "receipt")
    def pay() -> str:
        stops(ran)
        return "paid"

    def program() -> None:
        with omium.execution("pays"):
            pay()

    with pytest.raises(KeyboardInterrupt):
        program()
    caplog.set_level(logging.WARNING, "omium")
    program()
    assert caplog.messages == ["pays@1: effect pay began in an earlier run and may have happened; its policy: probe"]
    assert [(each.event, each.seq, each.status) for each in told if each.kind == "effect"] == [
        ("doubt", 1, "intent"),
        ("effect", 2, "done"),
    ]


def test_nothing_is_printed_or_configured(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import logging, omium\n"
        "@omium.effect(in_doubt='retry')\n"
        "def pay():\n"
        "    raise KeyboardInterrupt\n"
        "for _ in range(2):\n"
        "    try:\n"
        "        with omium.execution('x'): pay()\n"
        "    except KeyboardInterrupt: pass\n"
        "assert not logging.getLogger().handlers\n"
        "(handler,) = logging.getLogger('omium').handlers\n"
        "assert type(handler) is logging.NullHandler and logging.getLogger('omium').level == 0\n"
    )
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_hooks_hear_of_what_is_on_record(ran: Counter[str], told: list[Event]) -> None:
    durable = []

    @omium.on("step")
    def look(event: Event) -> None:
        durable.append(omium.config.store().entry(event.execution, event.seq).status)

    interrupted(ran)
    report(ran)
    look.remove()
    kinds = [(each.event, each.seq, each.name, each.status, each.from_record) for each in told]
    assert kinds == [
        ("begin", 0, "report", "running", False),
        *(("step", seq, "search", "done", False) for seq in (1, 2, 3)),
        ("resume", 3, "report", "running", False),
        *(("step", seq, "search", "done", True) for seq in (1, 2, 3)),
        ("step", 4, "write", "done", False),
        ("complete", 4, "report", "completed", False),
    ]
    assert durable == ["done"] * 7
    assert all(each.execution == "report-42" for each in told)
    assert SECRET not in repr(told)
    with pytest.raises(AttributeError):
        told[0].seq = 9  # type: ignore[misc]
    # A replay tells nothing, and neither does one that had completed.
    before = len(told)
    report(ran)
    with omium.execution("report-42", mode="replay"):
        search("a")
    assert len(told) == before


def test_failures(told: list[Event]) -> None:
    with pytest.raises(ValueError, match=SECRET), omium.execution("fails"):
        write(["x"])
    failures = [each for each in told if each.event == "failure"]
    assert [(each.kind, each.name, each.status, each.error) for each in failures] == [
        ("step", "write", "failed", "ValueError"),
        ("execution", "execution", "failed", "ValueError"),
    ]
    with pytest.raises(omium.Waiting), omium.execution("asks"):
        omium.ask("really?")
    assert told[-1][:2] == ("wait", "asks")


def test_a_hook_that_fails_does_not_harm_the_run(caplog: pytest.LogCaptureFixture, told: list[Event]) -> None:
    @omium.on("step")
    def broken(event: Event) -> None:
        raise RuntimeError("of the hook's own")

    try:
        with omium.execution("x"):
            assert search("a")[0] == "a"
    finally:
        broken.remove()
    assert omium.get("x").status == "completed"
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "a hook for 'step' failed: " in record.getMessage()
    assert "broken" in record.getMessage()


def test_a_hook_records_nothing() -> None:
    @omium.on("step")
    def nested(event: Event) -> None:
        search("in the hook")

    with omium.execution("x"):
        search("a")
    nested.remove()
    assert [each.name for each in omium.get("x").checkpoints()] == ["search"]
    nested.remove()


def test_it_is_a_function_still() -> None:
    @omium.on("complete", "complete")
    def ended(event: Event) -> str:
        return f"{event.execution} ended"

    count = []
    counting = omium.on("complete")(count.append)
    with omium.execution("x"):
        pass
    assert ended(count[0]) == "x ended"
    assert ended.__name__ == "ended"
    ended.remove()
    counting.remove()
    with omium.execution("y"):
        pass
    assert len(count) == 1


def test_async_code_tells_from_a_worker_thread(told: list[Event]) -> None:
    threads = []
    hook = omium.on("step")(lambda _: threads.append(threading.current_thread()))

    @omium.step
    async def later(n: int) -> int:
        return n

    async def program() -> None:
        async with omium.execution("async"):
            await asyncio.gather(*(later(n) for n in range(3)))

    asyncio.run(program())
    hook.remove()
    assert sorted(each.seq for each in told if each.event == "step") == [1, 2, 3]
    assert threading.main_thread() not in threads


def test_what_is_no_hook() -> None:
    with pytest.raises(InvalidInput, match=r"not 'steps': step, effect"):
        omium.on("steps")
    with pytest.raises(InvalidInput, match="at least one"):
        omium.on()

    async def later(event: Event) -> None: ...

    with pytest.raises(InvalidInput, match="a hook is a plain function"):
        omium.on("step")(later)
