"""The bounds that an operator sets to orders: which tokens, how much, where, and at what price.

An order is measured by what it sells, in that token's base units: that is exact, and known before anything is asked.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Final

from attrs import frozen

from bestfill.errors import OutOfBounds, PolicyDenied
from bestfill.units import BPS, BaseUnits, Bps, Millis, Mint, to_display

MAX_SLIPPAGE: Final = "BESTFILL_MAX_SLIPPAGE"
MAX_PRICE_IMPACT: Final = "BESTFILL_MAX_PRICE_IMPACT"
MAX_DEVIATION: Final = "BESTFILL_MAX_DEVIATION"
MAX_NOTIONAL: Final = "BESTFILL_MAX_NOTIONAL"
MAX_NOTIONAL_DAY: Final = "BESTFILL_MAX_NOTIONAL_DAY"
ALLOW_TOKENS: Final = "BESTFILL_ALLOW_TOKENS"
DENY_TOKENS: Final = "BESTFILL_DENY_TOKENS"
ALLOW_VENUES: Final = "BESTFILL_ALLOW_VENUES"
HALT: Final = "halt"

DAY_MS: Final = 86_400_000


@frozen(kw_only=True)
class Mandate:
    """What orders must keep to; None is no bound. The checks give None, or the denial that names the rule.

    `max_notional` is the most of a token that an order may sell, `max_notional_day` that a user may sell in all on a
    day (UTC); where one of them is set, a token that it does not name can't be sold. Venues have the names that clients
    see.
    """

    max_price_impact_bps: Bps | None = None
    max_deviation_bps: Bps | None = None
    max_notional: Mapping[Mint, BaseUnits] | None = None
    max_notional_day: Mapping[Mint, BaseUnits] | None = None
    allowed_tokens: AbstractSet[Mint] | None = None
    denied_tokens: AbstractSet[Mint] = frozenset()
    allowed_venues: AbstractSet[str] | None = None

    @cached_property
    def bounds_quotes(self) -> bool:
        """Whether any quote can be denied."""
        return not (self.max_price_impact_bps is self.max_deviation_bps is self.allowed_venues is None)

    @cached_property
    def bounds_orders(self) -> bool:
        """Whether any order can be denied for what it is."""
        bound = (self.max_notional, self.max_notional_day, self.allowed_tokens)
        return any(one is not None for one in bound) or bool(self.denied_tokens)

    def order_denial(self, sold: Mint, bought: Mint, amount: BaseUnits, decimals: int) -> PolicyDenied | None:
        """Hold an order against what does not change with the market: its tokens, and how much of one it sells."""
        if not self.bounds_orders:
            return None
        for mint in (sold, bought):
            if mint in self.denied_tokens:
                return _denied(DENY_TOKENS, f"{mint} may not be traded")
            if self.allowed_tokens is not None and mint not in self.allowed_tokens:
                return _denied(ALLOW_TOKENS, f"{mint} is not among the tokens that may be traded")
        for rule, most in ((MAX_NOTIONAL, self.max_notional), (MAX_NOTIONAL_DAY, self.max_notional_day)):
            if most is not None and sold not in most:
                return _denied(rule, f"{sold} may not be sold")
        if self.max_notional is not None and amount > (most := self.max_notional[sold]):
            return _denied(MAX_NOTIONAL, f"an order may sell at most {to_display(most, decimals)} of {sold}")
        return None

    def daily(self, sold: Mint) -> BaseUnits | None:
        """Give the most that a user may sell of a token on a day, or None if that is not bound."""
        return None if self.max_notional_day is None else self.max_notional_day.get(sold, BaseUnits(0))

    def day_denial(self, sold: Mint, decimals: int) -> PolicyDenied:
        """Say that an order is not within what its user may sell on its day."""
        most = to_display(self.daily(sold) or BaseUnits(0), decimals)
        return _denied(MAX_NOTIONAL_DAY, f"a user may sell at most {most} of {sold} a day, which ends at 00:00 UTC")

    def venue_denial(self, venue: str) -> PolicyDenied | None:
        """See that a venue is one of those allowed."""
        if self.allowed_venues is None or venue in self.allowed_venues:
            return None
        return _denied(ALLOW_VENUES, f"{venue} is not among the venues that may be traded at")

    def impact_denial(self, impact_bps: int) -> OutOfBounds | None:
        """See that a trade does not move the price too much."""
        most = self.max_price_impact_bps
        if most is None or impact_bps <= most:
            return None
        what = f"its price impact of {_percent(impact_bps)} is above {_percent(most)}"
        return OutOfBounds(MAX_PRICE_IMPACT, _told(MAX_PRICE_IMPACT, what))

    def deviation_denial(self, amount_out: int, others: Sequence[int]) -> OutOfBounds | None:
        """Hold what a venue pays against the median of what the others pay: neither too little nor too good."""
        most = self.max_deviation_bps
        if most is None:
            return None
        if not others:
            return OutOfBounds(MAX_DEVIATION, _told(MAX_DEVIATION, "there is no other quote to compare it with"))
        others = sorted(others)
        twice_median = others[(len(others) - 1) // 2] + others[len(others) // 2]
        if abs(2 * amount_out - twice_median) * BPS <= most * twice_median:
            return None
        which = "more" if 2 * amount_out > twice_median else "less"
        what = f"pays over {_percent(most)} {which} than what the other venues offer"
        return OutOfBounds(MAX_DEVIATION, _told(MAX_DEVIATION, what))


UNBOUND: Final = Mandate()
"""Forbids nothing."""


def day_of(moment: Millis) -> int:
    """Give the day (UTC) of a moment, counted from 1970-01-01."""
    return moment // DAY_MS


def _denied(rule: str, what: str) -> PolicyDenied:
    return PolicyDenied(rule, _told(rule, what))


def _told(rule: str, what: str) -> str:
    """Name the rule in the text too: that is all that an order's story keeps."""
    return f"{what} ({rule})"


def _percent(bps: int) -> str:
    return f"{to_display(BaseUnits(bps), 2)} %"
