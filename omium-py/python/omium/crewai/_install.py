"""Puts the seams into CrewAI, and takes them out again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from omium.crewai import _check, _human, _kickoff, _memory, _model, _patch, _prompt, _task, _tool, _usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omium.crewai._tool import InDoubtPolicy

__all__ = ["installed", "instrument", "uninstrument"]

_lock = threading.Lock()
_installed = False


def instrument(*, in_doubt: InDoubtPolicy = "retry", tools: Mapping[str, InDoubtPolicy] | None = None) -> None:
    """Lets executions record what CrewAI does. Without a current execution CrewAI stays what it was.

    `in_doubt` says what happens on a resume to a tool call that began and left no result: "retry" runs it
    again, "fail" stops the execution with InDoubt. `tools` says so for single tools, by name. A tool that is
    an `@omium.effect` has its own policy. Calling it again only changes the policies.

    Raises FrameworkUnsupported when the installed CrewAI is not one it knows.
    """
    global _installed
    with _lock:
        _tool.settle_by(in_doubt, tools or {})
        if _installed:
            return
        _check.check()
        _patch.restore()
        _install()
        _installed = True


def installed() -> bool:
    return _installed


def uninstrument() -> None:
    """Gives CrewAI its own methods back."""
    global _installed
    with _lock:
        _patch.restore()
        _installed = False


def _install() -> None:
    from crewai.agent import Agent
    from crewai.agents.cache.cache_handler import CacheHandler
    from crewai.crew import Crew
    from crewai.flow.flow import Flow
    from crewai.knowledge.knowledge import Knowledge
    from crewai.llms.base_llm import BaseLLM
    from crewai.task import Task
    from crewai.tools.base_tool import BaseTool
    from crewai.tools.structured_tool import CrewStructuredTool
    from crewai.utilities.prompts import Prompts

    _patch.family(
        BaseLLM,
        {
            "call": _model.patched_call,
            "acall": _model.patched_acall,
            "_track_token_usage_internal": _usage.tracked,
            "get_input_tokens_count": _prompt.patched_count,
        },
    )
    _patch.family(BaseTool, {"run": _tool.patched_run, "arun": _tool.patched_arun})
    _patch.family(CrewStructuredTool, {"invoke": _tool.patched_invoke, "ainvoke": _tool.patched_ainvoke})
    _patch.inherited(CacheHandler, "add", _usage.cached)
    _patch.inherited(Task, "_execute_core", _task.patched_core)
    _patch.inherited(Task, "_aexecute_core", _task.patched_acore)
    _patch.inherited(Task, "_execute_task_async", _task.patched_thread)
    _patch.inherited(Crew, "kickoff", _kickoff.patched_crew)
    _patch.inherited(Crew, "akickoff", _kickoff.patched_crew_async)
    _patch.inherited(Flow, "kickoff_async", _kickoff.patched_flow)
    _patch.inherited(Flow, "_request_human_feedback", _human.patched_feedback)
    if hasattr(Flow, "_resolve_feedback_provider"):
        _patch.inherited(Flow, "_resolve_feedback_provider", _human.patched_provider)
    _patch.inherited(Flow, "_resolve_input_provider", _human.patched_input_provider)
    _patch.inherited(Agent, "kickoff", _kickoff.patched_agent)
    _patch.inherited(Agent, "kickoff_async", _kickoff.patched_agent_async)
    _patch.inherited(Knowledge, "query", _memory.patched_query)
    _patch.inherited(Knowledge, "aquery", _memory.patched_aquery)
    if hasattr(Prompts, "_build_date_block"):
        _patch.inherited(Prompts, "_build_date_block", _prompt.patched_date)
    else:
        _patch.inherited(Agent, "_inject_date_to_task", _prompt.patched_injection)
    lite = _check.find("crewai.lite_agent", "LiteAgent")
    if lite is not None:
        _patch.inherited(lite, "kickoff", _kickoff.patched_agent)
    memory = _check.find("crewai.memory.unified_memory", "Memory")
    if memory is not None:
        _patch.inherited(memory, "recall", _memory.patched_recall)
        _patch.inherited(memory, "_encode_batch", _memory.patched_save)
