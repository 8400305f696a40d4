"""CrewAI with its own OpenAI provider."""

from __future__ import annotations

import os

os.environ.update(CREWAI_DISABLE_TELEMETRY="true", CREWAI_DISABLE_VERSION_CHECK="true", OTEL_SDK_DISABLED="true")

from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool
from one_agent import MODEL, TASK, given, run, take


@tool("step")
def step(n: int) -> str:
    """Takes one step."""
    return take(n)


def program() -> str:
    model = LLM(model=f"openai/{MODEL}", stream=given.stream)
    agent = Agent(role="walker", goal="walk", backstory="walks", llm=model, tools=[step])
    crew = Crew(agents=[agent], tasks=[Task(description=TASK, expected_output="done", agent=agent)])
    return crew.kickoff().raw


run(program)
