"""Semantic Kernel."""

from __future__ import annotations

from one_agent import MODEL, TASK, given, run, take
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.functions import kernel_function


class Walk:
    @kernel_function(name="step")
    def step(self, n: int) -> str:
        """Takes one step."""
        return take(n)


async def program() -> str:
    agent = ChatCompletionAgent(service=OpenAIChatCompletion(ai_model_id=MODEL), name="walker", plugins=[Walk()])
    if not given.stream:
        return str((await agent.get_response(messages=TASK)).content)
    return "".join([str(piece.content) async for piece in agent.invoke_stream(messages=TASK)])


run(program)
