"""Whether the installed CrewAI is one that this adapter knows, name by name."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from omium.exceptions import FrameworkUnsupported

__all__ = ["check", "find"]

_FIRST, _LAST = (1, 14, 7), (1, 15)
"""Before 1.14.4 an agent's conversation ran on from task to task, and up to 1.14.6 human input was not sound."""

_NAMES = (
    ("crewai.crew", "Crew", ("kickoff", "akickoff")),
    ("crewai.task", "Task", ("_execute_core", "_aexecute_core", "_execute_task_async")),
    ("crewai.llms.base_llm", "BaseLLM", ("call", "acall", "_track_token_usage_internal", "stop_sequences")),
    ("crewai.tools.base_tool", "BaseTool", ("run",)),
    ("crewai.tools.base_tool", "Tool", ("run",)),
    ("crewai.tools.structured_tool", "CrewStructuredTool", ("invoke", "ainvoke")),
    ("crewai.tools.agent_tools.base_agent_tools", "BaseAgentTool", ()),
    ("crewai.agents.cache.cache_handler", "CacheHandler", ("add",)),
    ("crewai.flow.flow", "Flow", ("kickoff_async",)),
    ("crewai.agent", "Agent", ("kickoff", "kickoff_async")),
    ("crewai.knowledge.knowledge", "Knowledge", ("query",)),
    ("crewai.tasks.task_output", "TaskOutput", ()),
    ("crewai.events.event_context", "_event_id_stack", ("get", "set")),
    ("crewai.core.providers.human_input", "SyncHumanInputProvider", ("handle_feedback", "_prompt_input")),
)
"""Module, class (or variable) and methods without which nothing can be recorded."""


def check() -> None:
    """Raises FrameworkUnsupported, which names the version and what it was expected to have."""
    version = import_module("crewai").__version__
    numbers = tuple(map(int, re.findall(r"\d+", version)[:3]))
    known = "1.14.7 to 1.15"
    if not (numbers >= _FIRST and numbers[:2] <= _LAST):
        raise FrameworkUnsupported(
            f"crewai {version} is installed and omium records crewai {known}: install 'crewai>=1.14.7,<1.16'"
        )
    missing = [name for module, owner, methods in _NAMES for name in _missing(module, owner, methods)]
    if missing:
        raise FrameworkUnsupported(
            f"crewai {version} lacks {', '.join(missing)}, which omium records by: install another release of {known}"
        )


def find(module: str, owner: str) -> Any:
    """A class that only some releases have, or None."""
    try:
        return getattr(import_module(module), owner, None)
    except ImportError:
        return None


def _missing(module: str, owner: str, methods: tuple[str, ...]) -> list[str]:
    found = find(module, owner)
    if found is None:
        return [f"{module}.{owner}"]
    return [f"{owner}.{method}" for method in methods if not hasattr(found, method)]
