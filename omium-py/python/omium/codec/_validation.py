"""The ValidationError of pydantic, which is of a class that cannot be filled: made again from what it lists."""

from __future__ import annotations

from typing import Any

__all__ = ["is_validation_error", "made", "parts"]

_NEW = 4
"""How many parts there are; records of earlier builds have two."""


def is_validation_error(cls: type) -> bool:
    return cls.__module__.startswith("pydantic_core") and cls.__name__ == "ValidationError"


def parts(error: Any) -> list[Any]:
    """[title, [row, ...], what was read ("python" or "json"), whether inputs are hidden]."""
    kind, hides = "python", False
    rows = error.errors()
    kinds: list[Any] = [None] * len(rows)
    try:
        # As it is pickled: nothing else says these.
        _, (_, lines, kind, hides) = error.__reduce__()
        kinds = [line["type"] for line in lines]
    except (AttributeError, TypeError, ValueError):
        pass  # An older pydantic, which does not say.
    return [error.title, [_row(row, kind) for row, kind in zip(rows, kinds, strict=True)], kind, hides]


def _row(row: dict[str, Any], kind: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {name: row[name] for name in ("type", "loc", "msg", "input", "ctx") if name in row}
    if "url" not in row:
        # A kind of the program's own, with a message of its own.
        kept["template"] = getattr(kind, "message_template", row["msg"])
    return kept


def made(cls: Any, title: str, rows: list[Any], kind: str = "python", hides: bool = False) -> BaseException:
    """The error again. A row that its kind does not take any more keeps its message."""
    details = []
    for each in rows:
        row = each if isinstance(each, dict) else _old(each)
        detail = {"type": row["type"], "loc": tuple(row["loc"]), "input": row["input"]}
        if "ctx" in row:
            detail["ctx"] = row["ctx"]
        template = row.get("template")
        if template is not None or not _is_taken(cls, detail, kind):
            detail = {**detail, "type": _custom(row, template)}
            detail.pop("ctx", None)
        details.append(detail)
    error: BaseException = cls.from_exception_data(title, details, kind, hides)
    error.args = ()  # As of one that pydantic itself made.
    return error


def _is_taken(cls: Any, detail: dict[str, Any], kind: str) -> bool:
    try:
        cls.from_exception_data("", [detail], kind)
    except (KeyError, TypeError, ValueError):
        return False
    return True


def _custom(row: dict[str, Any], template: str | None) -> Any:
    from pydantic_core import PydanticCustomError

    if template is None:
        return PydanticCustomError(row["type"], row["msg"])
    return PydanticCustomError(row["type"], template, row.get("ctx"))


def _old(row: list[Any]) -> dict[str, Any]:
    kind, loc, message, value, context = row
    return {"type": kind, "loc": loc, "msg": message, "input": value, **({"ctx": context} if context else {})}
