"""What an execution may spend, kept before each model call and counted over its whole log."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from omium.exceptions import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Budget", "budget", "spent"]

_NANO = 10**9


class Budget(NamedTuple):
    """Limits of one execution; None: no limit.

    A call begins while less than the limit is spent. It is not known beforehand what a call will cost,
    so the last one may go beyond.
    """

    usd: float | None = None
    tokens: int | None = None

    def covers(self, usage: Mapping[str, int]) -> bool:
        """Whether that much may be used."""
        cost = usage.get("cost_nano_usd", 0)
        return (self.tokens is None or _tokens(usage) <= self.tokens) and (self.usd is None or cost <= self.usd * _NANO)

    def refusal(self, usage: Mapping[str, int]) -> str | None:
        """Why no call may begin, given what the log of the execution sums up to."""
        tokens = _tokens(usage)
        if self.tokens is not None and tokens >= self.tokens:
            return f"{tokens:,} tokens of budget_tokens={self.tokens:,} are used: raise the budget, then resume"
        spent = usage.get("cost_nano_usd", 0) / _NANO
        if self.usd is not None and spent >= self.usd:
            return f"${spent:.6f} of budget_usd={self.usd:g} are spent: raise the budget, then resume"
        unknown = usage.get("unmetered_calls", 0)
        if unknown:
            return (
                f"a budget cannot be kept: the provider did not say what {unknown} recorded "
                f"call{'s' * (unknown != 1)} used; resume without a budget, or have it report usage"
            )
        unpriced = usage.get("unpriced_calls", 0)
        if self.usd is not None and unpriced:
            return (
                f"budget_usd cannot be kept: {unpriced} recorded call{'s' * (unpriced != 1)} had no known price; "
                "resume with budget_tokens instead"
            )
        return None


def spent(usage: Mapping[str, int]) -> str:
    """What counters sum up to, for people: tokens and dollars, and what is not in them."""
    tokens = _tokens(usage)
    unknown = [
        f"{count} call{'s' * (count != 1)} without {what}"
        for counter, what in (("unpriced_calls", "a known price"), ("unmetered_calls", "usage"))
        if (count := usage.get(counter, 0))
    ]
    if not tokens and not unknown:
        return ""
    dollars = f", ${usage['cost_nano_usd'] / _NANO:.6f}" if "cost_nano_usd" in usage else ""
    return f"{tokens:,} tokens{dollars}" + (f" ({', '.join(unknown)})" if unknown else "")


def _tokens(usage: Mapping[str, int]) -> int:
    return usage.get("input_tokens", 0) + usage.get("output_tokens", 0)


def budget(usd: float | None, tokens: int | None) -> Budget | None:
    """The budget of those limits; None when there are none."""
    if usd is not None and not _is_amount(usd):
        raise InvalidInput(f"budget_usd is an amount of dollars, not {usd!r}")
    if tokens is not None and (isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 0):
        raise InvalidInput(f"budget_tokens is a number of tokens, not {tokens!r}")
    return None if usd is None and tokens is None else Budget(None if usd is None else float(usd), tokens)


def _is_amount(usd: object) -> bool:
    # Only whoever has a budget pays for importing them.
    from decimal import Decimal
    from numbers import Real

    return isinstance(usd, (Real, Decimal)) and not isinstance(usd, bool) and float(usd) >= 0
