"""LangGraph on an omium store: `builder.compile(checkpointer=omium.langgraph.Saver())`."""

from omium.langgraph.saver import Saver

__all__ = ["Saver"]
