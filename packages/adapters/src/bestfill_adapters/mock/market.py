"""What the mock venues pay: a base price for each pair, a spread for each venue, and the price impact."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen

from bestfill.errors import NoRoute
from bestfill.quote import QuoteRequest
from bestfill.tokens import MAINNET, Token, TokenList
from bestfill.units import BPS, U64_MAX, BaseUnits, Bps
from bestfill_adapters.mock import chance
from bestfill_adapters.settings import PPM

USD: Final = 1_000_000_000
"""Prices are in nano-dollars for one whole token."""

PRICES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "SOL": 142_500_000_000,
        "USDC": 1_000_000_000,
        "USDT": 1_000_000_000,
        "BONK": 24_500,
        "JUP": 850_000_000,
        "RAY": 2_150_000_000,
        "mSOL": 185_250_000_000,
    }
)

DEPTH: Final = 10_000_000 * USD
"""The largest trade there is: its price impact is half the base price. Beyond, selling more could pay less."""

GAP_PPM: Final = (20_000, 50_000)
"""How far apart the two venues are, of the base price."""
MIDDLE_PPM: Final = -7_500
"""Where the middle between them lies."""
USUAL_IN_7: Final = 6
"""How often of seven the usual winner wins. With the two above, it pays 0.5 % more than base on average and the other
one 2 % less: −0.75 % ± (6/7 − 1/7) · 3.5 % / 2.
"""


@frozen(kw_only=True)
class Offer:
    """What a venue pays, after all fees, and how much of the price the trade itself costs."""

    amount_out: BaseUnits
    price_impact_bps: Bps


class MockMarket:
    """The market that both venues see. It holds nothing that changes, so each venue may have its own.

    The venues must differ by 2 to 5 % whenever somebody asks both, without speaking to each other: for the n-th ask
    of a pair each makes the same draw, of the gap and of who is ahead.
    """

    def __init__(self, seed: str, tokens: TokenList = MAINNET, prices: Mapping[str, int] = PRICES) -> None:
        self._seed = seed
        self._priced = {token.mint: (token, prices[token.symbol]) for token in tokens if token.symbol in prices}

    def offer(self, request: QuoteRequest, ask: int, *, usual_winner: bool) -> Offer:
        """Price the n-th ask of a pair.

        Raises:
            NoRoute: the pair has no price, or the amount is too small or too large for it.
        """
        (token_in, price_in), (token_out, price_out) = self.priced(request)
        value, depth = request.amount_in * price_in, DEPTH * 10**token_in.decimals
        if value > depth:
            raise NoRoute(f"the pool is too small for so much {token_in.symbol}")
        # As a fraction of (depth + value) · PPM, so that the floor is taken once: selling more then never pays less.
        share = (PPM + self.spread_ppm(request, ask, usual_winner=usual_winner)) * (depth + value) - PPM * value
        whole = price_out * 10**token_in.decimals * (depth + value) * PPM
        amount_out = value * 10**token_out.decimals * share // whole
        if amount_out > U64_MAX:
            raise NoRoute(f"the pool does not hold so much {token_out.symbol}")
        if amount_out < 1:
            raise NoRoute(f"the amount is too small to buy any {token_out.symbol}")
        return Offer(amount_out=BaseUnits(amount_out), price_impact_bps=Bps(BPS * value // (depth + value)))

    def priced(self, request: QuoteRequest) -> tuple[tuple[Token, int], tuple[Token, int]]:
        """Give both tokens with their prices.

        Raises:
            NoRoute: one has no price, or they are the same.
        """
        token_in, token_out = self._priced.get(request.input_mint), self._priced.get(request.output_mint)
        if token_in is None or token_out is None or token_in == token_out:
            raise NoRoute("the venue does not trade this pair")
        return token_in, token_out

    def spread_ppm(self, request: QuoteRequest, ask: int, *, usual_winner: bool) -> int:
        """Give how much more than base a venue pays, before price impact; the two differ by exactly the gap."""
        names = (self._seed, request.input_mint, request.output_mint, ask)
        gap = chance.within(GAP_PPM, *names, "gap")
        wins = (chance.below(7, *names, "ahead") < USUAL_IN_7) is usual_winner
        return MIDDLE_PPM + gap // 2 - (0 if wins else gap)
