"""Microsoft Agent Framework, over chat completions and over responses."""

from __future__ import annotations

from agent_framework import Agent
from agent_framework.openai import OpenAIChatClient, OpenAIChatCompletionClient
from one_agent import MODEL, TASK, given, run, take


def step(n: int) -> str:
    """Takes one step."""
    return take(n)


async def program() -> str:
    kind = OpenAIChatClient if given.variant == "responses" else OpenAIChatCompletionClient
    agent = Agent(client=kind(model=MODEL), name="walker", tools=[step])
    if not given.stream:
        return (await agent.run(TASK)).text
    answer = agent.run(TASK, stream=True)
    async for _ in answer:
        pass
    return (await answer.get_final_response()).text


run(program)
