"""Keeps CrewAI off the network and out of the user's home; imported before CrewAI is."""

import os
import tempfile
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="omium-crewai-"))

os.environ.update(
    CREWAI_DISABLE_TELEMETRY="true",
    CREWAI_DISABLE_TRACKING="true",
    CREWAI_DISABLE_VERSION_CHECK="true",
    CREWAI_TRACING_ENABLED="false",
    OTEL_SDK_DISABLED="true",
    # A memory makes its embedder and its model whether or not they are asked.
    OPENAI_API_KEY="none",
    HOME=str(HOME),
    CREWAI_STORAGE_DIR=str(HOME / "app"),
)
