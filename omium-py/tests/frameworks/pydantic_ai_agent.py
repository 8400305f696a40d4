"""Pydantic AI over OpenAI's two interfaces, Anthropic's and Google's, whole answers and streams."""

from __future__ import annotations

from typing import Any

from one_agent import KEY, MODEL, TASK, given, run, take
from pydantic_ai import Agent


def model() -> Any:
    root = given.url.removesuffix("/v1")
    if given.variant == "anthropic":
        from anthropic import AsyncAnthropic
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        client = AsyncAnthropic(base_url=root, api_key=KEY)
        return AnthropicModel("claude-haiku-4-5", provider=AnthropicProvider(anthropic_client=client))
    if given.variant == "google":
        import httpx
        from google.genai import Client, types
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google import GoogleProvider

        # The ids of Gemini's tool calls are made up by Pydantic AI, new ones in every process.
        options = types.HttpOptions(base_url=root, httpx_async_client=httpx.AsyncClient())
        return GoogleModel(
            "gemini-2.5-flash", provider=GoogleProvider(client=Client(api_key=KEY, http_options=options))
        )
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel

    return OpenAIResponsesModel(MODEL) if given.variant == "responses" else OpenAIChatModel(MODEL)


agent = Agent(model())


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
