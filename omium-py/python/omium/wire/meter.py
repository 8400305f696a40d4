"""What one model call used and cost, as counters of its entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omium import config
from omium.wire import prices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omium.wire.usage import Tokens

__all__ = ["counters", "priced", "table"]


def counters(models: Sequence[str | None], tokens: Tokens | None) -> tuple[dict[str, int], dict[str, str]]:
    """The counters of a finished call, and remarks on them. `models` are the names of the one model.

    What is not known is counted as such: `unmetered_calls` when the provider did not say what it used,
    `unpriced_calls` when the price of the model is not known.
    """
    if tokens is None:
        return {"unmetered_calls": 1}, {"cost": "unknown: the answer does not say what it used"}
    counted = tokens.counters()
    found = table().find(*models)
    if found is None:
        counted["unpriced_calls"] = 1
        named = next((model for model in models if model), "the model")
        return counted, {"cost": f"unknown: no price for {named}; give one with omium.init(prices=...)"}
    price, version = found
    counted["cost_nano_usd"] = price.cost(tokens)
    return counted, {"prices": version}


def priced(model: str | None) -> bool:
    return table().find(model) is not None


def table() -> prices.Table:
    """The prices in force."""
    return config.prices() or prices.table()
