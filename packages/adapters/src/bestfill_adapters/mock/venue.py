"""A mock venue; what sets the two apart is in `raydium` and `meteora`."""

from collections import Counter

from bestfill.errors import ExecutionError, SlippageExceeded, VenueUnavailable
from bestfill.ports import Venue
from bestfill.quote import Leg, Quote, QuoteRequest
from bestfill.units import BaseUnits, Bps, Millis, Mint
from bestfill_adapters.mock import chance
from bestfill_adapters.mock.market import MockMarket
from bestfill_adapters.mock.transaction import payload
from bestfill_adapters.plugins import VenueContext


class MockVenue(Venue):
    """Quotes the mock market, after a while and with failures as set.

    `usual_winner`: whether it is the one that mostly pays more. `fee_bps` is told, and already part of the price.
    """

    def __init__(self, name: str, fee_bps: Bps, context: VenueContext, *, usual_winner: bool) -> None:
        self._name, self._fee_bps, self._usual_winner = name, fee_bps, usual_winner
        self._clock, self._seed, self._mock = context.clock, context.seed, context.settings.mock
        self._market = MockMarket(context.seed)
        self._asks: Counter[tuple[Mint, Mint]] = Counter()

    @property
    def name(self) -> str:
        """The venue's own name."""
        return self._name

    async def quote(self, request: QuoteRequest) -> Quote:
        """Say what the market pays."""
        self._market.priced(request)  # so that only pairs with a price are counted, of which there are few
        pair = (request.input_mint, request.output_mint)
        # Before the first await, so that both venues count the asks of a pair alike.
        self._asks[pair] += 1
        names = (self._seed, *pair, self._asks[pair])
        offer = self._market.offer(request, self._asks[pair], usual_winner=self._usual_winner)
        if (wait_ms := chance.within(self._mock.quote_ms, *names, self._name, "wait")) > 0:
            await self._clock.sleep_until(Millis(self._clock.now() + wait_ms))
        if chance.happens(self._mock.failure_rate, *names, self._name, "failure"):
            raise VenueUnavailable("the venue failed, as it is set to do now and then")
        return Quote(
            venue=self._name,
            input_mint=request.input_mint,
            output_mint=request.output_mint,
            amount_in=request.amount_in,
            amount_out=offer.amount_out,
            price_impact_bps=offer.price_impact_bps,
            fee_bps=self._fee_bps,
        )

    async def leg(self, quote: Quote, min_out: BaseUnits) -> Leg:
        """Make a leg that pays what was quoted."""
        if quote.venue != self._name:
            raise ExecutionError(f"the quote is of {quote.venue}, not of {self._name}")
        if quote.amount_out < min_out:
            raise SlippageExceeded(f"the quote of {quote.amount_out} base units is below the bound of {min_out}")
        return Leg(
            venue=self._name,
            input_mint=quote.input_mint,
            output_mint=quote.output_mint,
            amount_in=quote.amount_in,
            min_out=min_out,
            payload=payload(quote.amount_out),
        )
