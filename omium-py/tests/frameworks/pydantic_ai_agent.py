"""Pydantic AI, whole answers and streams."""

from __future__ import annotations

from one_agent import MODEL, TASK, given, run, take
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel

model = OpenAIResponsesModel(MODEL) if given.variant == "responses" else OpenAIChatModel(MODEL)
agent = Agent(model)


@agent.tool_plain
async def step(n: int) -> str:
    """Takes one step."""
    return take(n)


async def program() -> str:
    if not given.stream:
        return (await agent.run(TASK)).output
    async with agent.run_stream(TASK) as answer:
        return "".join([piece async for piece in answer.stream_text(delta=True)])


run(program)
