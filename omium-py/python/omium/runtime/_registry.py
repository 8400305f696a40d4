"""The workflows this process knows, by name: how an execution finds its code again."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Union

from omium.exceptions import InvalidInput

if TYPE_CHECKING:
    from omium.effects._acting import Effect
    from omium.workflow import AsyncWorkflow, Workflow

    # mypy does not take `|` for an alias within this cycle of imports.
    AnyWorkflow = Union[Workflow[..., Any], AsyncWorkflow[..., Any]]  # noqa: UP007

_workflows: dict[str, AnyWorkflow] = {}
_effects: dict[tuple[str, str | None], Effect] = {}
"""By name and source: two modules may have a `charge` each."""


def add(workflow: AnyWorkflow) -> None:
    """The latest of a name counts: notebooks define their functions again and again."""
    _workflows[workflow.name] = workflow


def loaded() -> list[AnyWorkflow]:
    """All of them."""
    return list(_workflows.values())


def find(name: str, execution: str, source: str | None) -> AnyWorkflow:
    if name in _workflows:
        return _workflows[name]
    advice = "run the program that made it again" if source is None else f"import {source} first"
    raise InvalidInput(f"no workflow {name!r} is loaded here, so {execution!r} cannot run: {advice}")


def add_effect(effect: Effect) -> None:
    """The latest counts, as above."""
    _effects[effect.name, effect.source] = effect


def find_effect(name: str, source: str | None) -> Effect | None:
    """The effect of that name, wherever it moved to; None when it is not loaded, or more than one is."""
    if (name, source) in _effects:
        return _effects[name, source]
    named = [effect for (other, _), effect in _effects.items() if other == name]
    return named[0] if len(named) == 1 else None


def source_of(function: Any) -> str | None:
    """Where a function can be loaded from: `module:qualname`, or `/path/file.py:qualname`.

    A file for the main program, which is known by no other name, and None for code that was typed in.
    """
    module, qualname = function.__module__, function.__qualname__
    if module != "__main__" and getattr(sys.modules.get(module), "__spec__", None) is not None:
        return f"{module}:{qualname}"
    file = getattr(getattr(function, "__code__", None), "co_filename", "")
    return f"{os.path.abspath(file)}:{qualname}" if os.path.isfile(file) else None
