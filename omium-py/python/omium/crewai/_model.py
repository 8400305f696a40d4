"""Model calls: `call` and `acall` of every class of LLM."""

from __future__ import annotations

import re
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from omium import codec
from omium.crewai import _order, _usage
from omium.crewai._call import Call, Kept
from omium.crewai._share import Share
from omium.runtime import _context
from omium.runtime._place import Place
from omium.wire import nearest
from omium.wire.identity import numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from omium import _omium
    from omium.exceptions import Divergence

__all__ = ["patched_acall", "patched_call", "request", "show", "stable"]

_SETTINGS = ("temperature", "top_p", "max_tokens", "seed", "frequency_penalty", "presence_penalty", "n")
_MESSAGE = ("role", "content", "name", "tool_calls", "tool_call_id")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def stable(value: Any) -> Any:
    """The same without addresses in memory, which CrewAI's planner writes into its prompt with each tool."""
    if isinstance(value, str):
        return _ADDRESS.sub("", value) if " at 0x" in value else value
    if isinstance(value, dict):
        return {key: stable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [stable(item) for item in value]
    return value


def patched_call(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        frame = _context.frame()
        if frame is None or frame.kind == "llm":
            return method(self, *args, **kwargs)
        return _ModelCall(self, args, kwargs).run(frame, partial(method, self, *args, **kwargs))

    return call


def patched_acall(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def acall(self: Any, *args: Any, **kwargs: Any) -> Any:
        frame = _context.frame()
        if frame is None or frame.kind == "llm":
            return await method(self, *args, **kwargs)
        return await _ModelCall(self, args, kwargs).arun(frame, partial(method, self, *args, **kwargs))

    return acall


_PARAMETERS = (
    "messages",
    "tools",
    "callbacks",
    "available_functions",
    "from_task",
    "from_agent",
    "response_model",
)


class _Asked(Place):
    """The claim of a model call: a divergence shows the recorded request that comes nearest."""

    __slots__ = ()

    def _explain(self, error: Divergence, name: str) -> Divergence:
        return nearest.explain(error, self._frame, name, self._input)


class _ModelCall(Call):
    def __init__(self, llm: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        given = {**dict(zip(_PARAMETERS, args, strict=False)), **kwargs}
        super().__init__("llm", str(llm.model), request(llm, given))
        self._llm = llm
        self._given = given
        self._metrics: dict[str, int] = {}
        self._metered = _usage.metered()
        self._turn = _order.Turn(given)
        self._share = Share()

    def run(self, frame: _context.Frame, body: Callable[[], Any]) -> Any:
        with self._metered as self._metrics, self._turn, self._share:
            return super().run(frame, body)

    async def arun(self, frame: _context.Frame, body: Callable[[], Any]) -> Any:
        with self._metered as self._metrics, self._turn, self._share:
            return await super().arun(frame, body)

    def claim(self, frame: _context.Frame) -> Place:
        return _Asked(self._turn.take(frame), self.kind, self.name, self.inputs)

    def arrive(self, place: Place, seq: int) -> None:
        self._turn.arrive(seq)
        super().arrive(place, seq)

    def wait(self, place: Place) -> None:
        self._share.wait(place.run)
        place.begins()

    async def await_(self, place: Place) -> None:
        await self._share.await_(place.run)
        place.begins()

    def begin(self, place: Place) -> None:
        place.run.check()
        place.run.afford()

    def keep(self, place: Place, value: Any) -> Kept:
        self._count(value)
        _usage.billed(place.run, self._metrics)
        counters, remarks = _usage.priced(self.name, self._metrics)
        self._share.used = counters
        structured = self._given.get("response_model") is not None and hasattr(value, "model_dump")
        blob, kept = place.hold(value.model_dump(mode="json") if structured else value)
        meta = codec.dumps({"usage": self._metrics, "structured": structured, **remarks})
        return Kept(value if structured else kept, blob, counters, meta)

    def _commit(self, place: Place, kept: Kept) -> int:
        # What was under way when another call ended the run is paid for, and recorded too.
        if not place.is_open:
            place.run.check()
        return place.commit(kept.blob, usage=kept.usage, meta=kept.meta)

    def answer(self, place: Place, entry: _omium.Entry) -> Any:
        value = place.answer(entry)
        meta = {} if entry.meta is None else codec.loads(entry.meta.codec, entry.meta.read())
        self._metrics = meta.get("usage", {})
        _usage.credit(self._llm, self._metrics)
        self._count(value)
        _usage.replayed(place.run, self._metrics)
        if meta.get("structured"):
            return self._given["response_model"].model_validate(value)
        if isinstance(value, str):
            show(self._llm, value, self._given.get("from_task"), self._given.get("from_agent"))
        return value

    def _count(self, value: Any) -> None:
        tally = _usage.tally.get()
        if tally is None:
            return
        tally.add(self._llm, self._metrics)
        if isinstance(value, str) and _streams(self._llm):
            tally.stream(value)


def show(llm: Any, text: str, task: Any, agent: Any) -> None:
    """Whoever watches a streamed answer sees the recorded one too, in one piece."""
    if not _streams(llm):
        return
    from crewai.events.types.llm_events import LLMCallType
    from crewai.llms.base_llm import llm_call_context

    with llm_call_context():
        llm._emit_stream_chunk_event(chunk=text, from_task=task, from_agent=agent, call_type=LLMCallType.LLM_CALL)


def _streams(llm: Any) -> bool:
    # CrewAI 1.14 knows no other setting than the instance's.
    effective = getattr(llm, "_effective_stream", None)
    return bool(getattr(llm, "stream", False) if effective is None else effective())


def request(llm: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """What makes two calls the same. No key, no id made by CrewAI, nothing of the connection."""
    messages = given.get("messages")
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    # CrewAI makes up an id for a tool call whose provider gives none, from an address in memory.
    inputs: dict[str, Any] = {"messages": numbered([_message(each) for each in messages or ()])}
    if given.get("tools"):
        inputs["tools"] = stable(given["tools"])
    if given.get("response_model") is not None:
        inputs["response"] = given["response_model"].model_json_schema()
    settings = {name: getattr(llm, name, None) for name in _SETTINGS}
    settings["stop"] = list(llm.stop_sequences) or None
    inputs.update({name: value for name, value in settings.items() if value is not None})
    return inputs


def _message(message: Any) -> Any:
    if not isinstance(message, dict):
        return stable(message)
    return {name: stable(message[name]) for name in _MESSAGE if message.get(name) is not None}
