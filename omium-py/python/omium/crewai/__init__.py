"""CrewAI crews and flows that survive: killed anywhere, they go on with what they have paid for.

    import omium

    omium.init()
    with omium.execution("crew-7", workflow="crew"):
        crew.kickoff(inputs={"topic": "durable agents"})

The user's own program is run again and is fed its record: model calls, tool calls, memory, human answers
and finished tasks. Nothing of CrewAI is serialised, and outside an execution nothing changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omium.crewai._install import instrument, uninstrument
from omium.crewai._usage import Usage, usage

if TYPE_CHECKING:
    from omium.crewai.persistence import Persistence

__all__ = ["Persistence", "Usage", "instrument", "uninstrument", "usage"]


def __getattr__(name: str) -> Any:
    # It derives from a class of CrewAI, whose import takes seconds.
    if name == "Persistence":
        from omium.crewai.persistence import Persistence

        return Persistence
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
