"""Kills LangGraph runs with SIGKILL at random moments, resumes them, and checks every promise.

    python omium-py/tests/langgraph/kill.py [--kills N] [--seed S]

A run may lose only what was not acknowledged: every checkpoint and every task's writes whose call had
returned are there after the kill, no task whose writes were acknowledged runs again, and the result
is that of a run nobody killed. Exits with 1 when a promise is broken.
"""

import argparse
import asyncio
import json
import operator
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import WRITES_IDX_MAP
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict

from omium.langgraph import Saver

ROUNDS = 4
INPUT = {"log": ["in"], "round": 0}
# So that a run always ends: after so many kills the next attempt is left alone.
KILLS_PER_RUN = 8


class Journal:
    """Lines that survive the kill of their writer: each is one write to the end of the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY)

    def note(self, *words: Any) -> None:
        os.write(self.descriptor, (json.dumps(words) + "\n").encode())

    def lines(self) -> list[list[Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


class Acknowledging(Saver):
    """Notes in the journal what it has acknowledged, once it has."""

    def __init__(self, directory: Path, journal: Journal) -> None:
        super().__init__(directory)
        self.journal = journal

    def put(self, config: Any, *arguments: Any) -> Any:
        saved = super().put(config, *arguments)
        self.journal.note("checkpoint", saved["configurable"])
        return saved

    async def aput(self, config: Any, *arguments: Any) -> Any:
        saved = await super().aput(config, *arguments)
        self.journal.note("checkpoint", saved["configurable"])
        return saved

    def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        super().put_writes(config, writes, task_id, task_path)
        self._note_writes(config, writes, task_id)

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        await super().aput_writes(config, writes, task_id, task_path)
        self._note_writes(config, writes, task_id)

    def _note_writes(self, config: Any, writes: Any, task_id: str) -> None:
        if any(channel not in WRITES_IDX_MAP for channel, _ in writes):
            place = {name: config["configurable"][name] for name in ("thread_id", "checkpoint_ns", "checkpoint_id")}
            self.journal.note("writes", place, task_id)


class Log(TypedDict):
    log: Annotated[list[str], operator.add]
    round: int


def build(saver: Acknowledging) -> Any:
    """Rounds of a node, three parallel parts and a subgraph of two nodes."""

    def node(name: str) -> Callable[[Any, RunnableConfig], dict[str, Any]]:
        def body(state: Any, config: RunnableConfig) -> dict[str, Any]:
            saver.journal.note("ran", config["configurable"]["__pregel_task_id"], name)
            return {"log": [f"{name} {state['round']} {'.' * 500}"]}

        return body

    def begin(state: Log, config: RunnableConfig) -> dict[str, Any]:
        return {**node("begin")(state, config), "round": state["round"] + 1}

    inner = StateGraph(Log)
    inner.add_node("x", node("x")).add_node("y", node("y"))
    inner.add_edge(START, "x").add_edge("x", "y").add_edge("y", END)
    compiled = inner.compile()

    def below(state: Log, config: RunnableConfig) -> dict[str, Any]:
        return {"log": compiled.invoke({"log": [], "round": state["round"]}, config)["log"]}

    builder = StateGraph(Log)
    builder.add_node("begin", begin).add_node("part", node("part")).add_node("below", below)
    builder.add_edge(START, "begin").add_edge("part", "below")
    builder.add_conditional_edges("begin", lambda s: [Send("part", {"round": s["round"] * 10 + n}) for n in range(3)])
    builder.add_conditional_edges("below", lambda s: "begin" if s["round"] < ROUNDS else END, ["begin", END])
    return builder.compile(checkpointer=saver)


def config(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}, "recursion_limit": 100}


def drive_sync(saver: Acknowledging, thread: str, durability: Any) -> Any:
    known = saver.get_tuple(config(thread)) is not None
    return build(saver).invoke(None if known else INPUT, config(thread), durability=durability)["log"]


async def drive_async(saver: Acknowledging, thread: str, durability: Any) -> Any:
    known = await saver.aget_tuple(config(thread)) is not None
    result = await build(saver).ainvoke(None if known else INPUT, config(thread), durability=durability)
    return result["log"]


def run_sync(saver: Acknowledging) -> list[Any]:
    return [drive_sync(saver, "t0", "sync")]


def run_overlapping(saver: Acknowledging) -> list[Any]:
    return [drive_sync(saver, "t0", "async")]


def run_async(saver: Acknowledging) -> list[Any]:
    async def both() -> list[Any]:
        return await asyncio.gather(drive_async(saver, "t0", "sync"), drive_async(saver, "t1", "async"))

    return asyncio.run(both())


def run_threads(saver: Acknowledging) -> list[Any]:
    with ThreadPoolExecutor(3) as pool:
        return [*pool.map(lambda number: drive_sync(saver, f"t{number}", "async"), range(3))]


Run = Callable[[Acknowledging], list[Any]]
RUNS: list[Run] = [run_sync, run_overlapping, run_async, run_threads]


def in_child(body: Callable[[], None]) -> int:
    """Forks before this process has opened any store; the child leaves without cleaning up."""
    child = os.fork()
    if child == 0:
        try:
            body()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return child


def attempt(run: Run, directory: Path, journal: Journal) -> Callable[[], None]:
    def body() -> None:
        logs = run(Acknowledging(directory, journal))
        journal.note("result", [[line.rstrip(" .") for line in log] for log in logs])

    return body


def check(directory: Path, journal: Journal) -> Callable[[], None]:
    """Raises when something acknowledged is missing."""

    def body() -> None:
        saver = Saver(directory)
        for kind, *words in journal.lines():
            if kind in ("checkpoint", "writes"):
                found = saver.get_tuple({"configurable": words[0]})
                # Writes may be acknowledged before the checkpoint they belong to.
                assert found is not None or kind == "writes", f"lost checkpoint {words[0]}"
                if found is not None and kind == "writes":
                    assert any(task == words[1] for task, _, _ in found.pending_writes or ()), f"lost {words}"

    return body


def repeated(lines: list[list[Any]]) -> list[Any]:
    """Tasks that ran although their writes had been acknowledged."""
    done: set[str] = set()
    again = []
    for kind, *words in lines:
        if kind == "writes":
            done.add(words[1])
        elif kind == "ran" and words[0] in done:
            again.append(words)
    return again


def wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Tally:
    """What happened over all runs."""

    def __init__(self) -> None:
        self.kills = self.runs = self.acknowledged = 0
        self.broken: list[str] = []

    def check_record(self, name: str, journal: Journal, expected: list[Any] | None) -> None:
        lines = journal.lines()
        self.acknowledged += sum(line[0] == "checkpoint" for line in lines)
        if again := repeated(lines):
            self.broken.append(f"{name}: ran again after their writes were saved: {again}")
        if expected is not None and lines[-1:] != [expected]:
            self.broken.append(f"{name}: another result: {lines[-1:]}, not {expected}")


def run_unkilled(run: Run, place: Path, tally: Tally) -> tuple[float, list[Any]]:
    """How long the run takes, and the line of the journal with its result."""
    place.mkdir()
    journal = Journal(place / "journal")
    began = time.monotonic()
    if wait(in_child(attempt(run, place / "store", journal))) != 0:
        raise SystemExit(f"{run.__name__} fails even when nobody kills it")
    duration = time.monotonic() - began
    tally.check_record(run.__name__, journal, None)
    return duration, journal.lines()[-1]


def run_killed(run: Run, place: Path, tally: Tally, chance: random.Random, unkilled: tuple[float, list[Any]]) -> None:
    """Kills and resumes until the run ends."""
    duration, expected = unkilled
    place.mkdir()
    journal = Journal(place / "journal")
    tally.runs += 1
    for number in range(KILLS_PER_RUN + 1):
        child = in_child(attempt(run, place / "store", journal))
        if number < KILLS_PER_RUN:
            time.sleep(chance.uniform(0, duration))
            os.kill(child, signal.SIGKILL)
        code = wait(child)
        if wait(in_child(check(place / "store", journal))) != 0:
            tally.broken.append(f"{run.__name__}: acknowledged work is missing")
        if code != -signal.SIGKILL:
            break
        tally.kills += 1
    if code != 0:
        tally.broken.append(f"{run.__name__}: the resumed run failed")
    tally.check_record(run.__name__, journal, expected)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    chance, tally = random.Random(options.seed), Tally()
    scratch = Path(tempfile.mkdtemp(prefix="omium-kill-"))
    unkilled = {run: run_unkilled(run, scratch / run.__name__, tally) for run in RUNS}
    while tally.kills < options.kills and not tally.broken:
        run = RUNS[tally.runs % len(RUNS)]
        run_killed(run, scratch / str(tally.runs), tally, chance, unkilled[run])
    print(json.dumps({**vars(tally), "seed": options.seed}))
    if tally.broken:
        print(f"the stores and journals are kept in {scratch}", file=sys.stderr)
        return 1
    shutil.rmtree(scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
