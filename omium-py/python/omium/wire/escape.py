"""Lets omium's own errors through the SDKs that turn whatever `send` raises into a connection error.

They retry it, too, and would hide a divergence or a spent budget behind three seconds of waiting. But each
lets errors of its own kind pass: so ours become of that kind as well, and stay what they are.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from omium.runtime._kinds import become

if TYPE_CHECKING:
    from omium.exceptions import OmiumError

__all__ = ["passing"]

_ROOTS = (("openai", "OpenAIError"), ("anthropic", "AnthropicError"))


def passing(error: OmiumError) -> OmiumError:
    """The very error, made one that the SDKs which are loaded do not wrap."""
    roots = [getattr(sys.modules.get(module), name, None) for module, name in _ROOTS]
    become(error, *(root for root in roots if isinstance(root, type)))
    return error
