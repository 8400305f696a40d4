"""OpenAI Agents SDK, over chat completions and over responses."""

from __future__ import annotations

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from one_agent import MODEL, TASK, given, run, take
from openai import AsyncOpenAI

set_tracing_disabled(True)
client = AsyncOpenAI()
responses = given.variant == "responses"
model = OpenAIResponsesModel(MODEL, client) if responses else OpenAIChatCompletionsModel(MODEL, client)


@function_tool
def step(n: int) -> str:
    """Takes one step."""
    return take(n)


agent = Agent(name="walker", model=model, tools=[step])


async def program() -> str:
    if not given.stream:
        return str((await Runner.run(agent, TASK)).final_output)
    answer = Runner.run_streamed(agent, TASK)
    async for _ in answer.stream_events():
        pass
    return str(answer.final_output)


run(program)
