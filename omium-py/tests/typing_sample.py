"""What a type checker must accept, and, on the lines with an ignore, what it must refuse."""

from __future__ import annotations

from typing_extensions import assert_type

import omium


@omium.step
def search(topic: str, limit: int = 3) -> list[str]:
    return [topic] * limit


@omium.step(retries=3, timeout=30, name="write", key="sources")
def write(sources: list[str]) -> str:
    return " ".join(sources)


@omium.step
async def fetch(url: str) -> bytes:
    return url.encode()


@omium.checkpoint("plan")
def plan(goal: str) -> dict[str, int]:
    return {goal: 1}


@omium.workflow
def research(topic: str) -> str:
    return write(search(topic))


@omium.workflow(name="later", version="2")
async def later(topic: str) -> int:
    return len(await fetch(topic))


class Agent:
    @omium.step
    def ask(self, question: str) -> str:
        return question


assert_type(search("a"), list[str])
assert_type(write(["a"]), str)
assert_type(plan("a"), dict[str, int])
assert_type(research("a"), str)
assert_type(research.start("a"), omium.Execution[str])
assert_type(research.options(id="x").start("a").result(), str)
assert_type(Agent().ask("why"), str)

search(3)  # type: ignore[arg-type]
research(3)  # type: ignore[arg-type]
research.options(id="x").start()  # type: ignore[call-arg]
omium.init(codec="yaml")  # type: ignore[arg-type]
omium.step(retries="3")  # type: ignore[call-overload]


async def main() -> None:
    assert_type(await fetch("a"), bytes)
    assert_type(await later("a"), int)
    assert_type(await later.options(id="x").start("a"), omium.Execution[int])
    assert_type(await (await later.start("a")).aresult(), int)
    async with omium.execution("x") as run:
        assert_type(run.checkpoint(1), int)
    with omium.Checkpoint("plan") as block:
        assert_type(block.recorded, bool)


run = omium.get("x")
report = run.replay()
assert_type(report.steps, int)
assert_type(report.diverged_at, int | None)
assert_type(run.fork(at=3, id="y", edit={"search": [], 2: "x"}).resume().status, omium._omium.Standing)
