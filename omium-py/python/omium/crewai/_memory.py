"""Memory and knowledge: what was found and what was saved, as it was then.

A vector store answers differently from one day to the next, and what it answers is part of the prompt.
"""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from omium.crewai._nested import Nested
from omium.runtime import _context

if TYPE_CHECKING:
    from collections.abc import Callable

    from omium.crewai._call import Kept
    from omium.runtime._place import Place

__all__ = ["patched_aquery", "patched_query", "patched_recall", "patched_save"]

_RECALL = ("query", "scope", "categories", "limit", "depth", "source", "include_private")
_SAVE = ("contents", "scope", "categories", "metadata", "importance", "source", "private", "root_scope")
_QUERY = ("query", "results_limit", "score_threshold")


def patched_recall(method: Callable[..., Any]) -> Callable[..., Any]:
    return _patched(method, lambda args, kwargs: _Recall("memory.recall", _RECALL, args, kwargs))


def patched_save(method: Callable[..., Any]) -> Callable[..., Any]:
    return _patched(method, lambda args, kwargs: _Save("memory.save", _SAVE, args, kwargs))


def patched_query(method: Callable[..., Any]) -> Callable[..., Any]:
    return _patched(method, lambda args, kwargs: _Lookup("knowledge.query", _QUERY, args, kwargs))


def patched_aquery(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def aquery(self: Any, *args: Any, **kwargs: Any) -> Any:
        frame = _context.frame()
        body = partial(method, self, *args, **kwargs)
        if frame is None:
            return await body()
        return await _Lookup("knowledge.query", _QUERY, args, kwargs).arun(frame, body)

    return aquery


def _patched(method: Callable[..., Any], call: Callable[[Any, Any], Nested]) -> Callable[..., Any]:
    @wraps(method)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        frame = _context.frame()
        body = partial(method, self, *args, **kwargs)
        return body() if frame is None else call(args, kwargs).run(frame, body)

    return wrapped


class _Lookup(Nested):
    def __init__(self, name: str, parameters: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = {**dict(zip(parameters, args, strict=False)), **kwargs}
        super().__init__("step", name, {key: value for key, value in given.items() if value is not None})


class _Recall(_Lookup):
    def keep(self, place: Place, value: Any) -> Kept:
        found = [each.model_copy(update={"record": _without_embedding(each.record)}) for each in value]
        return self.spent(value, place.encode(found))


class _Save(_Lookup):
    def keep(self, place: Place, value: Any) -> Kept:
        return self.spent(value, place.encode([_without_embedding(each) for each in value]))


def _without_embedding(record: Any) -> Any:
    """Nobody reads it from an answer, and it is larger than all the rest."""
    return record.model_copy(update={"embedding": None}) if hasattr(record, "embedding") else record
