"""A model, tools and a journal, all offline and the same in every process.

What the model answers follows from what it is asked. Every call that is made, of the model and of a tool,
leaves a line in a file that survives the kill of its process.
"""

import hashlib
import json
import os
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import offline  # noqa: F401
from crewai import BaseLLM
from crewai.tools import tool


class Journal:
    """Lines `kind what`, and the process's death at the chosen one."""

    def __init__(self) -> None:
        self.path = Path(os.devnull)
        self.kill: tuple[str, int] | None = None
        self.seen: Counter[str] = Counter()
        self.lock = threading.Lock()

    def begin(self, path: Path, kill: tuple[str, int] | None = None) -> None:
        self.path, self.kill, self.seen = path, kill, Counter()

    def note(self, kind: str, what: str) -> None:
        """A model call dies before it is made, a tool after it has done what it does outside."""
        with self.lock:
            self.seen[kind] += 1
            dies = self.kill == (kind, self.seen[kind])
            if dies and kind == "llm":
                os.kill(os.getpid(), signal.SIGKILL)
            descriptor = os.open(self.path, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
            os.write(descriptor, f"{kind} {what}\n".encode())
            os.close(descriptor)
            if dies:
                os.kill(os.getpid(), signal.SIGKILL)

    def lines(self, kind: str = "") -> Counter[str]:
        text = self.path.read_text() if self.path.exists() else ""
        return Counter(line for line in text.splitlines() if line.startswith(kind))


journal = Journal()


def short(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:8]


class FakeLLM(BaseLLM):
    """Calls every tool it is offered once, then answers."""

    model: str = "fake-1"
    native: bool = True
    stream: bool | None = False

    def supports_function_calling(self) -> bool:
        return self.native

    def get_context_window_size(self) -> int:
        return 200_000

    def get_input_tokens_count(self, messages: Any, tools: Any = None, response_model: Any = None) -> int:
        return len(str(messages)) // 4

    def call(
        self,
        messages: Any,
        tools: Any = None,
        callbacks: Any = None,
        available_functions: Any = None,
        from_task: Any = None,
        from_agent: Any = None,
        response_model: Any = None,
    ) -> Any:
        said = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        plain = [(each["role"], each.get("content"), each.get("tool_calls")) for each in said]
        journal.note("llm", short([self.model, plain]))
        self._track_token_usage_internal({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110})
        answer = self.answer(said, tools or [], response_model)
        if isinstance(answer, str) and self.stream:
            from crewai.llms.base_llm import llm_call_context

            with llm_call_context():
                for start in range(0, len(answer), 8):
                    self._emit_stream_chunk_event(answer[start : start + 8], from_task=from_task, from_agent=from_agent)
        return answer

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        import asyncio

        await asyncio.sleep(0)
        return self.call(*args, **kwargs)

    def answer(self, said: list[dict[str, Any]], tools: list[Any], response_model: Any) -> Any:
        text = "\n".join(str(each.get("content")) for each in said)
        mark = short([(each["role"], each.get("content")) for each in said])
        if response_model is not None:
            return response_model.model_validate(sample(response_model, mark))
        used = {call["function"]["name"] for each in said for call in each.get("tool_calls") or ()}
        offered = [each["function"]["name"] for each in tools]
        wanted = [name for name in offered if name not in used and not name.startswith("ask_")]
        if wanted:
            schema = next(each["function"]["parameters"] for each in tools if each["function"]["name"] == wanted[0])
            return [call_of(wanted[0], mark, schema.get("properties", {}))]
        if not self.native and "Action Input" in text and "Observation:" not in text.rpartition("Begin!")[2]:
            return f'Thought: look it up\nAction: search\nAction Input: {{"query": "{mark}"}}'
        version = "v2" if "validation" in text.lower() else "v1"
        if '"score"' in text or "score" in text.lower():
            return json.dumps({"title": f"{version} {mark}", "score": 7})
        final = f"{version} answer {mark}"
        return final if self.native and tools else f"Thought: I know\nFinal Answer: {final}"


def fake(name: str = "fake-1", *, native: bool = True) -> FakeLLM:
    return FakeLLM(model=name, native=native)


def call_of(name: str, mark: str, properties: dict[str, Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        each: [mark] if schema.get("type") == "array" else mark
        for each, schema in properties.items()
        if schema.get("type") in ("array", "string")
    }
    if name.startswith("delegate"):
        arguments = {"task": f"look into {mark}", "context": "all of it", "coworker": "researcher"}
    return {
        "id": f"call_{mark}_{name}",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    }


def sample(model: Any, mark: str) -> dict[str, Any]:
    """An instance of a model, as plain data."""
    values: dict[Any, Any] = {str: f"v2 {mark}", int: 7, float: 0.5, bool: True, list[str]: [f"of {mark}"]}
    return {
        name: sample(field.annotation, mark)
        if hasattr(field.annotation, "model_fields")
        else values.get(field.annotation, [])
        for name, field in model.model_fields.items()
    }


def make_tool(name: str) -> Any:
    def body(query: str) -> str:
        """Looks something up."""
        journal.note("tool", f"{name} {query}")
        return f"{name} found {short([name, query])}"

    body.__name__ = name
    return tool(name)(body)
