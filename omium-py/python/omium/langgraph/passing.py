"""What ends an execution passes through LangGraph as an interrupt does.

LangGraph takes an exception of a node for its failure: a RetryPolicy tries the node again, an `error_handler` answers
in its place, also when the thread goes on. What it lets through is of one class, so an error that ends an execution
becomes one of that class too, and stays what it is for everybody else.
"""

from __future__ import annotations

import copy

from langgraph.errors import GraphBubbleUp

from omium.exceptions import OmiumError
from omium.runtime._kinds import become

__all__ = ["as_failure", "let_through"]


def let_through(error: BaseException) -> None:
    """Makes it an error that no policy and no handler of a graph answers."""
    if isinstance(error, OmiumError):
        become(error, GraphBubbleUp)


def as_failure(error: BaseException) -> BaseException:
    """The same error as one that LangGraph raises also where it only saves: there it drops what it lets through."""
    if not isinstance(error, GraphBubbleUp):
        return error
    failure = copy.copy(error)
    failure.__cause__ = error.__cause__
    return failure
