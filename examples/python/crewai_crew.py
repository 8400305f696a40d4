"""A CrewAI crew that goes on where it died, and pays for no finished model call again.

    python crewai_crew.py            run it, as often as you like
    python crewai_crew.py --crash    the process dies before the writer is asked; run it again to see it go on

The model is a class of this file, so that it runs offline: any other LLM of CrewAI is recorded the same way.
"""

import json
import os
import sys

from crewai import Agent, BaseLLM, Crew, Task
from crewai.tools import tool

import omium


class LocalModel(BaseLLM):
    """Calls the tool it is offered once, then answers from what it was told."""

    def supports_function_calling(self):
        return True

    def get_context_window_size(self):
        return 100_000

    def get_input_tokens_count(self, messages, *_, **__):
        return len(str(messages)) // 4

    def call(self, messages, tools=None, *_, **__):
        print(f"  {self.model} is asked")
        if self.model == "writer" and "--crash" in sys.argv:
            os.abort()
        found = [each["content"] for each in messages if each["role"] == "tool"]
        if tools and not found:
            asked = {"name": "search", "arguments": json.dumps({"topic": "durable agents"})}
            return [{"id": "call-1", "type": "function", "function": asked}]
        if found:
            return found[0]
        context = messages[-1]["content"].partition("working with:")[2].split("\n")
        sources = next((line for line in context if line.strip()), "nothing")
        return f"Thought: done\nFinal Answer: A report on {sources.strip()}."


@tool
def search(topic: str) -> str:
    """Searches for sources on a topic."""
    print(f"  searching for {topic}")
    return f"{topic}: a survey and {topic}: a handbook"


def main():
    omium.init()
    searcher = Agent(role="searcher", goal="find", backstory="-", llm=LocalModel(model="searcher"), tools=[search])
    writer = Agent(role="writer", goal="write", backstory="-", llm=LocalModel(model="writer"))
    tasks = [
        Task(name="search", description="Find sources on {topic}", expected_output="a list", agent=searcher),
        Task(name="write", description="Write about {topic}", expected_output="a report", agent=writer),
    ]
    crew = Crew(agents=[searcher, writer], tasks=tasks)

    with omium.execution("crew-7", workflow="crew") as run:
        output = crew.kickoff(inputs={"topic": "durable agents"})

    print(output.raw)
    print(f"  {len(run.checkpoints())} checkpoints; omium log crew-7 shows them")


if __name__ == "__main__":
    main()
