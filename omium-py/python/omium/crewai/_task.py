"""Tasks: recorded when everything of them is done, and then answered without their agent."""

from __future__ import annotations

import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

from omium import codec
from omium.crewai import _changed, _output, _usage
from omium.crewai._escape import Host
from omium.crewai._human import recorded_answers
from omium.crewai._model import show, stable
from omium.crewai._nested import Nested
from omium.runtime import _context

if TYPE_CHECKING:
    from collections.abc import Callable

    from omium import _omium
    from omium.crewai._call import Kept
    from omium.runtime._place import Place

__all__ = ["patched_acore", "patched_core", "patched_thread"]


def patched_core(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def _execute_core(self: Any, agent: Any, context: str | None, tools: list[Any] | None) -> Any:
        frame = _context.frame()
        worker = agent or self.agent
        if frame is None or worker is None:
            return method(self, agent, context, tools)
        call = _TaskCall(self, worker, context)

        def body() -> Any:
            output = method(self, agent, context, tools)
            call.finish_memories()
            return output

        with Host(), recorded_answers(self):
            return call.run(frame, body)

    return _execute_core


def patched_acore(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def _aexecute_core(self: Any, agent: Any, context: str | None, tools: list[Any] | None) -> Any:
        frame = _context.frame()
        worker = agent or self.agent
        if frame is None or worker is None:
            return await method(self, agent, context, tools)
        call = _TaskCall(self, worker, context)

        async def body() -> Any:
            from asyncio import to_thread

            output = await method(self, agent, context, tools)
            await to_thread(call.finish_memories)
            return output

        with Host(), recorded_answers(self):
            return await call.arun(frame, body)

    return _aexecute_core


def patched_thread(method: Callable[..., Any]) -> Callable[..., Any]:
    """The thread of an async task: what is no Exception must reach whoever waits, or he waits for ever."""

    @wraps(method)
    def _execute_task_async(self: Any, agent: Any, context: Any, tools: Any, future: Any) -> None:
        try:
            method(self, agent, context, tools, future)
        except BaseException as error:  # noqa: BLE001  # It is raised where the result is awaited.
            future.set_exception(error)

    return _execute_task_async


class _TaskCall(Nested):
    def __init__(self, task: Any, agent: Any, context: str | None) -> None:
        self._task = task
        self._agent = agent
        self._context = context
        super().__init__("step", self._label(), self._fingerprint())

    def begin(self, place: Place) -> None:
        _changed.tell(place, self.name, self.inputs)

    def keep(self, place: Place, value: Any) -> Kept:
        return self.spent(value, _output.dump(place, value))

    def answer(self, place: Place, entry: _omium.Entry) -> Any:
        task = self._task
        output = _output.load(task, super().answer(place, entry), self._agent)
        task.agent = self._agent
        task.prompt_context = self._context
        task.processed_by_agents.add(self._agent.role)
        task.output = output
        task.end_time = datetime.datetime.now()  # noqa: DTZ005  # As CrewAI sets it.
        return output

    def shown(self, texts: list[str]) -> None:
        for text in texts:
            show(self._agent.llm, text, self._task, self._agent)

    def failed(self, place: Place, error: Exception) -> None:
        place.fail(error, codec.dumps_failure(error))

    def finish_memories(self) -> None:
        """A task is done when what it remembers is saved: a task that is answered remembers nothing."""
        for owner in (self._agent, self._agent.crew):
            memory = getattr(owner, "memory", None) or getattr(owner, "_memory", None)
            backing = getattr(memory, "_memory", None) or memory
            drain = getattr(backing, "drain_writes", None)
            if callable(drain):
                drain()

    def _label(self) -> str:
        if self._task.name:
            return str(self._task.name)
        crew = _usage.crew_of.get()
        tasks = () if crew is None else crew.tasks
        index = next((i for i, task in enumerate(tasks, 1) if task is self._task), None)
        return "task" if index is None else f"task-{index}"

    def _fingerprint(self) -> dict[str, Any]:
        """What a task is answered by: change any of it, in the code or upstream, and it runs again."""
        task, agent = self._task, self._agent
        inputs = {
            "description": task.description,
            "expected_output": task.expected_output,
            "context": self._context or "",
            "agent": {"role": agent.role, "goal": agent.goal, "backstory": agent.backstory},
        }
        kind = task.output_pydantic or task.output_json
        if kind is not None:
            inputs["output"] = kind.model_json_schema()
        plain: dict[str, Any] = stable(inputs)
        return plain
