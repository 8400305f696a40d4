"""What a call costs: a table of list prices with a version, over which users lay their own.

Costs are whole billionths of a dollar, so that sums are exact. They are those of the standard tier, from
the tokens the provider reported; what is billed apart, such as a hosted tool, is not in them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from omium.exceptions import InvalidInput
from omium.wire.parse import parsed

if TYPE_CHECKING:
    from omium.wire.usage import Tokens

__all__ = ["Given", "Price", "Table", "table"]

Given = Mapping[str, Mapping[str, Any]] | str | os.PathLike[str] | None
"""Prices by model name, or a JSON file of them, in dollars per million tokens."""

_KEYS = ("input", "output", "cached", "cache_write", "cache_write_long")
_OWN = "own"
_EXAMPLE = '{"input": 2.5, "output": 10, "cached": 1.25}'

# gpt-4o-2024-08-06, claude-haiku-4-5-20251001, claude-haiku-4-5@20251001 and gpt-5-chat-latest cost what the plain
# name does.
_DATE = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$")


class Price(NamedTuple):
    """Of one model, in dollars per million tokens."""

    input: float
    output: float
    cached: float
    cache_write: float
    cache_write_long: float
    above: tuple[int, Price] | None = None
    """For a call with more input tokens than that, another price holds for all of it."""

    def cost(self, tokens: Tokens) -> int:
        """In billionths of a dollar."""
        if self.above is not None and tokens.input > self.above[0]:
            return self.above[1].cost(tokens)
        plain = max(tokens.input - tokens.cached - tokens.cache_write, 0)
        short = max(tokens.cache_write - tokens.cache_write_long, 0)
        return round(
            1000
            * (
                plain * self.input
                + tokens.cached * self.cached
                + short * self.cache_write
                + tokens.cache_write_long * self.cache_write_long
                + tokens.output * self.output
            )
        )


class Table(NamedTuple):
    """All prices in force."""

    version: str
    own: Mapping[str, Price]
    listed: Mapping[str, Price]

    def find(self, *models: str | None) -> tuple[Price, str] | None:
        """The price of the first of a model's names that has one, and the version of its table ("own": the user's).

        What users say holds for any of the names, before what is listed for another: of a deployment they named,
        say, the answer tells which model is behind it.
        """
        names = [name for model in models if model for name in _names(model)]
        for prices, version in ((self.own, _OWN), (self.listed, self.version)):
            for name in names:
                if name in prices:
                    return prices[name], version
        return None


def table(given: Given = None) -> Table:
    """The shipped prices with those given laid over. Raises InvalidInput for what is no price."""
    version, listed = _shipped()
    if given is None:
        return Table(version, {}, listed)
    if isinstance(given, (str, os.PathLike)):
        path = Path(given)
        try:
            given = parsed(path.read_text("utf-8-sig"))
        except (OSError, ValueError) as error:
            raise InvalidInput(f"prices cannot be read from {path}: {error}") from error
    if not isinstance(given, Mapping):
        raise InvalidInput("prices are a mapping of model names to prices, or a JSON file of one")
    models = given["models"] if isinstance(given.get("models"), Mapping) else given
    return Table(version, {model: _price(model, each) for model, each in models.items()}, listed)


def _price(model: str, given: Any) -> Price:
    if not isinstance(model, str) or not model:
        raise InvalidInput(f"prices are given by the name of the model, not by {model!r}")
    if not isinstance(given, Mapping) or not {"input", "output"} <= set(given) <= {*_KEYS, "above"}:
        raise InvalidInput(f"the price of {model!r} is like {_EXAMPLE}, in dollars per million tokens, not {given!r}")
    above = None if given.get("above") is None else _above(model, given["above"])
    numbers = {key: given[key] for key in _KEYS if key in given}
    for key, number in numbers.items():
        if not isinstance(number, (int, float)) or isinstance(number, bool) or not 0 <= number < 10**6:
            raise InvalidInput(f"the price of {model!r} has {key}={number!r}: it is dollars per million tokens")
    plain = numbers["input"]
    write = numbers.get("cache_write", plain)
    return Price(
        plain, numbers["output"], numbers.get("cached", plain), write, numbers.get("cache_write_long", write), above
    )


def _above(model: str, given: Any) -> tuple[int, Price]:
    """From how many input tokens on another price holds, and which one."""
    limit = given.get("input_tokens") if isinstance(given, Mapping) else None
    if not isinstance(limit, int) or isinstance(limit, bool) or limit <= 0 or "above" in given:
        example = '{"input_tokens": 200000, "input": 5, "output": 20}'
        raise InvalidInput(f"the price of {model!r} has above={given!r}: it is like {example}")
    return limit, _price(model, {key: number for key, number in given.items() if key != "input_tokens"})


@cache
def _shipped() -> tuple[str, Mapping[str, Price]]:
    data = json.loads(Path(__file__).with_name("prices.json").read_text("utf-8"))
    return data["version"], {model: _price(model, each) for model, each in data["models"].items()}


def _names(model: str) -> list[str]:
    """The names a model may be listed by, the most exact first."""
    last = model.rpartition("/")[2]
    return [model, last, _DATE.sub("", last)]
