"""LangGraph on an omium store: `builder.compile(checkpointer=omium.langgraph.Saver())`."""

from omium.langgraph.versions import check

# Before the saver, which could not even be imported with some of the others.
check()

from omium.langgraph import handles as handles  # noqa: E402  # It tells what counts of them as it is imported.
from omium.langgraph.saver import Saver  # noqa: E402

__all__ = ["Saver"]
