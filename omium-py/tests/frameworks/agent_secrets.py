"""What the agents know and the store must not."""

from __future__ import annotations

from base64 import b64encode

KEY = "sk-this-key-is-secret-000001"
PASSWORD = "proxy-secret-0001"
TOOL_KEY = "weather-key-secret-0001"
TOOL_TOKEN = "weather-token-secret-0001"

ALL = (KEY, PASSWORD, b64encode(f"ada:{PASSWORD}".encode()).decode(), TOOL_KEY, TOOL_TOKEN)
