"""Conditions a step must meet: before it may run, and before its result is recorded as done.

A condition is a Python function, an expression in CEL, or a JSON Schema.
"""

from __future__ import annotations

from omium.checks._condition import Condition
from omium.checks._gate import NONE, Checks

__all__ = ["NONE", "Checks", "Condition"]
