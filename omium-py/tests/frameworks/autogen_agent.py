"""AutoGen. Its tools are async here: plain ones run in a thread that loses the execution."""

from __future__ import annotations

from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient
from one_agent import MODEL, TASK, given, run, take


async def step(n: int) -> str:
    """Takes one step."""
    return take(n)


async def program() -> str:
    agent = AssistantAgent(
        "walker",
        OpenAIChatCompletionClient(model=MODEL),
        tools=[step],
        max_tool_iterations=5,
        model_client_stream=given.stream,
    )
    if not given.stream:
        return (await agent.run(task=TASK)).messages[-1].to_text()
    *_, last = [event async for event in agent.run_stream(task=TASK)]
    return last.messages[-1].to_text()


run(program)
