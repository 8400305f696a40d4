"""The ways of running CrewAI that must survive a kill anywhere. Each returns plain data."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from crewai import Agent, Crew, Process, Task
from crewai.flow.flow import Flow, and_, listen, router, start
from fake import FakeLLM, fake, journal, make_tool
from pydantic import BaseModel

import omium


class Report(BaseModel):
    title: str
    score: int


def agent(role: str, llm: Any, tools: Any = (), **more: Any) -> Agent:
    return Agent(
        role=role,
        goal=f"be a good {role}",
        backstory="long experience",
        llm=llm,
        tools=list(tools),
        verbose=False,
        **more,
    )


def task(n: int, worker: Agent | None, **more: Any) -> Task:
    return Task(description=f"Part {n} about {{topic}}", expected_output="a short text", agent=worker, **more)


def plain(output: Any) -> dict[str, Any]:
    return {
        "raw": output.raw,
        "model": None if output.pydantic is None else output.pydantic.model_dump(),
        "tasks": [[each.name, each.raw, each.agent] for each in output.tasks_output],
        "tokens": output.token_usage.model_dump(),
    }


def crew_of(llm: Any, *, flags: tuple[bool, ...] = (False,) * 4, **more: Any) -> Crew:
    """Two agents and four tasks, the odd ones for the one with tools."""
    researcher = agent("researcher", llm, [make_tool("search"), make_tool("read")])
    writer = agent("writer", fake("fake-2", native=llm.native))
    tasks = [task(n, (researcher, writer)[n % 2], async_execution=flag) for n, flag in enumerate(flags)]
    return Crew(agents=[researcher, writer], tasks=tasks, verbose=False, **more)


TOPIC = {"topic": "logs"}


class Interrupted(Exception):
    """Fails an execution after what was to be recorded in it."""


def unfinished(id: str, body: Callable[[], Any]) -> Any:
    """What the body returns, in an execution that then fails."""
    result = None
    try:
        with omium.execution(id):
            result = body()
            raise Interrupted
    except Interrupted:
        return result


def sequential() -> Any:
    return plain(crew_of(fake()).kickoff(inputs=TOPIC))


def react() -> Any:
    return plain(crew_of(fake(native=False)).kickoff(inputs=TOPIC))


def hierarchical() -> Any:
    researcher = agent("researcher", fake(), [make_tool("search")])
    crew = Crew(
        agents=[researcher, agent("writer", fake("fake-2"))],
        tasks=[task(0, None), task(1, None)],
        process=Process.hierarchical,
        manager_llm=fake("fake-manager"),
        verbose=False,
    )
    return plain(crew.kickoff(inputs=TOPIC))


def threads() -> Any:
    llm = fake()
    workers = [agent(f"worker {n}", fake(f"fake-{n}"), [make_tool(f"search{n}")]) for n in range(3)]
    first, second = (task(n, workers[n], async_execution=True) for n in range(2))
    third = task(2, workers[2], context=[first, second])
    crew = Crew(agents=[*workers, agent("writer", llm)], tasks=[first, second, third], verbose=False)
    return plain(crew.kickoff(inputs=TOPIC))


def akickoff() -> Any:
    workers = [agent(f"worker {n}", fake(f"fake-{n}"), [make_tool(f"search{n}")]) for n in range(3)]
    first, second = (task(n, workers[n], async_execution=True) for n in range(2))
    third = task(2, workers[2], context=[first, second])
    crew = Crew(agents=workers, tasks=[first, second, third], verbose=False)
    return plain(asyncio.run(crew.akickoff(inputs=TOPIC)))


def kickoff_async() -> Any:
    return plain(asyncio.run(crew_of(fake()).kickoff_async(inputs=TOPIC)))


def checked(output: Any) -> tuple[bool, Any]:
    """Only a second version passes."""
    return (True, output.raw) if "v2" in output.raw else (False, "validation: a second version is wanted")


def structured() -> Any:
    writer = agent("writer", fake(), [make_tool("search")])
    tasks = [
        task(0, writer, guardrail=checked),
        Task(
            description="Report with a score",
            expected_output="JSON with title and score",
            agent=writer,
            output_pydantic=Report,
        ),
    ]
    return plain(Crew(agents=[writer], tasks=tasks, verbose=False).kickoff(inputs=TOPIC))


def for_each() -> Any:
    outputs = crew_of(fake(), flags=(False, False)).kickoff_for_each([{"topic": "logs"}, {"topic": "tapes"}])
    return [plain(each) for each in outputs]


def stream() -> Any:
    streaming = crew_of(fake(), flags=(False, False), stream=True).kickoff(inputs=TOPIC)
    text = "".join(chunk.content for chunk in streaming)
    return {**plain(streaming.result), "text": text}


class Progress(BaseModel):
    rounds: int = 0


class Story(Flow[Progress]):
    """Two crews, a direct model call, a router with a cycle, two parallel listeners."""

    @start()
    def begin(self) -> str:
        return str(fake().call("What is this about?"))

    @listen(begin)
    def research(self, what: str) -> str:
        return str(crew_of(fake(), flags=(False, False)).kickoff(inputs={"topic": what}).raw)

    @router("again")
    def cycle(self) -> str:
        return self.judge_round()

    @router(research)
    def judge(self) -> str:
        return self.judge_round()

    def judge_round(self) -> str:
        self.state.rounds += 1
        fake().call(f"Is round {self.state.rounds} good enough?")
        return "again" if self.state.rounds < 3 else "good"

    @listen("good")
    def left(self) -> str:
        return str(fake().call("left"))

    @listen("good")
    async def right(self) -> str:
        return str(await fake().acall("right"))

    @listen(and_(left, right))
    def end(self) -> str:
        return str(crew_of(fake(), flags=(False,)).kickoff(inputs={"topic": "the end"}).raw)


def flow() -> Any:
    story = Story()
    return [story.kickoff(), story.state.rounds]


class Planner(FakeLLM):
    """Makes a plan of three steps that need nothing of each other: CrewAI takes them side by side."""

    def answer(self, said: list[dict[str, Any]], tools: list[Any], response_model: Any) -> Any:
        if not any("plan" in each["function"]["name"] for each in tools):
            return super().answer(said, tools, response_model)
        steps = [
            {"step_number": n, "description": f"step {n}", "tool_to_use": "search", "depends_on": []} for n in (1, 2, 3)
        ]
        return json.dumps({"plan": "all at once", "steps": steps, "ready": True})


def plan() -> Any:
    worker = agent("worker", Planner(model="fake-planner"), [make_tool("search")], planning=True)
    return plain(Crew(agents=[worker], tasks=[task(0, worker)], verbose=False).kickoff(inputs=TOPIC))


SCENARIOS: dict[str, Callable[[], Any]] = {
    each.__name__: each
    for each in (
        sequential,
        react,
        hierarchical,
        threads,
        akickoff,
        kickoff_async,
        structured,
        for_each,
        stream,
        flow,
        plan,
    )
}
CONCURRENT = {"threads": 1, "akickoff": 1, "flow": 1, "plan": 2}
"""How many calls may be in flight beside the one that is killed, where any may be."""

__all__ = ["CONCURRENT", "SCENARIOS", "journal"]
