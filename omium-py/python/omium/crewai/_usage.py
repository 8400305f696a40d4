"""Tokens: what was billed in this run, and what the record answered."""

from __future__ import annotations

import threading
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from omium import codec
from omium.exceptions import NotSerializable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from omium._handle import Execution
    from omium.runtime._live import LiveRun

__all__ = [
    "Tally",
    "Usage",
    "billed",
    "cached",
    "credit",
    "crew_of",
    "metered",
    "priced",
    "replayed",
    "tally",
    "tracked",
    "usage",
]


class Usage(NamedTuple):
    """Counters as CrewAI names them: total_tokens, prompt_tokens, successful_requests ..."""

    billed: Mapping[str, int]
    """What model calls cost in this process."""
    replayed: Mapping[str, int]
    """What was answered from the record, having been paid for before."""


def usage(run: Execution[Any]) -> Usage:
    """The tokens of the latest run of an execution in this process. The two add up to an undisturbed run."""
    with _lock:
        meter = _meters.get((run.store.path, run.id))
        return Usage({}, {}) if meter is None else Usage(dict(meter.billed), dict(meter.replayed))


class _Meter:
    def __init__(self, run: LiveRun) -> None:
        self.run = weakref.ref(run)
        self.billed: dict[str, int] = {}
        self.replayed: dict[str, int] = {}


_METERS_MAX = 1000
"""Of how many executions a process still knows what they used; the oldest are forgotten."""

_lock = threading.RLock()
_meters: dict[tuple[str, str], _Meter] = {}


def _meter(run: LiveRun) -> _Meter:
    key = run.store.path, run.native.id
    meter = _meters.get(key)
    if meter is None or meter.run() is not run:
        _meters.pop(key, None)
        meter = _meters[key] = _Meter(run)
        if len(_meters) > _METERS_MAX:
            del _meters[next(iter(_meters))]
    return meter


def billed(run: LiveRun, metrics: Mapping[str, int]) -> None:
    with _lock:
        add(_meter(run).billed, metrics)


def replayed(run: LiveRun, metrics: Mapping[str, int]) -> None:
    with _lock:
        add(_meter(run).replayed, metrics)


def add(sums: dict[str, int], metrics: Mapping[str, int]) -> None:
    for name, value in metrics.items():
        if value:
            sums[name] = sums.get(name, 0) + value


def priced(model: str, metrics: Mapping[str, int]) -> tuple[dict[str, int], dict[str, str]]:
    """The same as an entry counts them, with what they cost, and remarks on that."""
    from omium.wire import meter
    from omium.wire.usage import Tokens

    if not metrics:
        return meter.counters((model,), None)
    names = ("prompt_tokens", "completion_tokens", "cached_prompt_tokens", "cache_creation_tokens")
    read, said, cached, written = (metrics.get(name, 0) for name in names)
    thought = metrics.get("reasoning_tokens", 0)
    return meter.counters((model,), Tokens(read, said, cached=cached, cache_write=written, reasoning=thought))


class Tally:
    """What models were used for within one call, such as a task, and what they streamed.

    CrewAI sums up the counters of a crew's agents. So a use is kept by who of the crew it counts for: the
    model may be another instance when the call is answered from the record.
    """

    def __init__(self) -> None:
        self._crew = crew_of.get()
        self._outer = tally.get()
        self.spent: dict[str, dict[str, int]] = {}
        self.streamed: list[str] = []
        self.cached: list[list[Any]] = []
        """What CrewAI put into the crew's cache of tool results: tool, input, output."""

    def add(self, llm: Any, metrics: Mapping[str, int]) -> None:
        with _lock:
            holder = next((name for name, each in holders(self._crew) if _same(each, llm)), "")
            add(self.spent.setdefault(holder, {}), metrics)
        if self._outer is not None:
            self._outer.add(llm, metrics)

    def stream(self, text: str) -> None:
        self.streamed.append(text)
        if self._outer is not None:
            self._outer.stream(text)

    def cache(self, result: list[Any]) -> None:
        self.cached.append(result)
        if self._outer is not None:
            self._outer.cache(result)

    def refill(self, results: Iterable[list[Any]]) -> None:
        """Puts into the cache again what a call that is now answered had put there."""
        quiet = tally.set(None)
        try:
            for result in results:
                self._crew._cache_handler.add(*result)
                self.cache(result)
        finally:
            tally.reset(quiet)

    def restore(self, run: LiveRun, spent: Mapping[str, Mapping[str, int]]) -> None:
        """Counts again what a call cost that is now answered from the record."""
        models = dict(reversed(holders(self._crew)))
        for holder, metrics in spent.items():
            llm = models.get(holder)
            if llm is not None:
                credit(llm, metrics)
            replayed(run, metrics)
            if self._outer is not None:
                self._outer.add(llm, metrics)


def holders(crew: Any) -> list[tuple[str, Any]]:
    """Who of a crew has a model with counters."""
    if crew is None:
        return []
    found = [(f"agent {index}", agent.llm) for index, agent in enumerate(crew.agents)]
    if crew.manager_agent is not None:
        found.append(("manager", crew.manager_agent.llm))
    return [(holder, llm) for holder, llm in found if hasattr(llm, "_token_usage")]


def _same(one: Any, other: Any) -> bool:
    # A copy, which CrewAI makes for its memory, shares the counters.
    return other is not None and one._token_usage is other._token_usage


crew_of: ContextVar[Any] = ContextVar("omium_crewai_crew", default=None)
"""The crew that is being kicked off."""

tally: ContextVar[Tally | None] = ContextVar("omium_crewai_tally", default=None)

_call: ContextVar[dict[str, int] | None] = ContextVar("omium_crewai_usage", default=None)


class metered:  # noqa: N801  # Used as a context manager, like contextlib's.
    """Collects the tokens that the provider reports in the block, as CrewAI counts them."""

    def __enter__(self) -> dict[str, int]:
        sums: dict[str, int] = {}
        self._token = _call.set(sums)
        return sums

    def __exit__(self, *_: object) -> None:
        _call.reset(self._token)


def tracked(method: Callable[..., None]) -> Callable[..., None]:
    """Wraps BaseLLM._track_token_usage_internal: counters of one instance are shared by many threads."""
    from functools import wraps

    @wraps(method)
    def track(self: Any, *args: Any, **kwargs: Any) -> None:
        sums = _call.get()
        if sums is None:
            method(self, *args, **kwargs)
            return
        with _lock:
            # An override that calls its parent's counts once.
            token = _call.set(None)
            before = dict(self._token_usage)
            try:
                method(self, *args, **kwargs)
            finally:
                _call.reset(token)
            add(sums, {name: value - before.get(name, 0) for name, value in self._token_usage.items()})

    return track


def cached(method: Callable[..., None]) -> Callable[..., None]:
    """Wraps CacheHandler.add: a task that is answered must leave the next one the same cache."""
    from functools import wraps

    @wraps(method)
    def add(self: Any, tool: str, input: str, output: Any) -> None:
        method(self, tool, input, output)
        here = tally.get()
        if here is not None and self is getattr(crew_of.get(), "_cache_handler", None) and _kept(output):
            here.cache([tool, input, output])

    return add


def _kept(output: Any) -> bool:
    """Whether it can be noted; what only pickle can keep, a resume asks the tool for again."""
    try:
        codec.dumps(output)
    except NotSerializable:
        return False
    return True


def credit(llm: Any, metrics: Mapping[str, int]) -> None:
    """Counts recorded tokens on the instance, so that CrewAI's own sums are those of an undisturbed run."""
    with _lock:
        for name, value in metrics.items():
            llm._token_usage[name] = llm._token_usage.get(name, 0) + value
