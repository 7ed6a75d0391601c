"""Venues that quote a moving price, or hang, fail, answer late or with garbage."""

from collections.abc import Callable
from typing import Any, Final

from attrs import evolve

from bestfill.errors import NoRoute, VenueUnavailable
from bestfill.ports import Venue
from bestfill.quote import Leg, Quote, QuoteRequest
from bestfill.units import BaseUnits, Bps
from tools.sim.fate import Fate
from tools.sim.process import Process
from tools.sim.wire import Wire

MICRO_USDC_PER_SOL: Final = 142_000_000


class SimVenue(Venue):
    """One process's door to a pool."""

    def __init__(self, fate: Fate, process: Process, name: str) -> None:
        self._fate, self._name = fate, name
        self._wire = Wire(fate, process, "venue", VenueUnavailable)

    @property
    def name(self) -> str:
        return self._name

    async def quote(self, request: QuoteRequest) -> Quote:
        return await self._wire.ask("quote", lambda: self._quote(request))

    async def leg(self, quote: Quote, min_out: BaseUnits) -> Leg:
        return await self._wire.ask("leg", lambda: self._leg(quote, min_out), 2)

    def _quote(self, request: QuoteRequest) -> Quote:
        fate = self._fate
        if fate.strikes("venue does not trade the pair"):
            raise NoRoute("this pair is not traded here")
        price = MICRO_USDC_PER_SOL * int(fate.within(9_800, 10_200)) // 10_000
        sells_sol = request.decimals_in == 9
        out = request.amount_in * price // 10**9 if sells_sol else request.amount_in * 10**9 // price
        quote = Quote(
            venue=self._name,
            input_mint=request.input_mint,
            output_mint=request.output_mint,
            amount_in=request.amount_in,
            amount_out=BaseUnits(out),
            price_impact_bps=Bps(int(fate.within(0, 30))),
            fee_bps=Bps(25),
            payload=b"%d" % out,
        )
        return self._or_garbage(
            quote,
            lambda: evolve(quote, amount_in=BaseUnits(quote.amount_in + 1)),
            lambda: evolve(quote, amount_out=2**70),
            lambda: evolve(quote, amount_out=-5),
            lambda: evolve(quote, price_impact_bps=0.5),
            lambda: evolve(quote, input_mint=quote.output_mint),
            lambda: evolve(quote, venue="another"),
        )

    def _leg(self, quote: Quote, min_out: BaseUnits) -> Leg:
        leg = Leg(
            venue=self._name,
            input_mint=quote.input_mint,
            output_mint=quote.output_mint,
            amount_in=quote.amount_in,
            min_out=min_out,
            payload=quote.payload,
        )
        return self._or_garbage(
            leg,
            lambda: evolve(leg, min_out=BaseUnits(1)),
            lambda: evolve(leg, payload="text"),
            lambda: evolve(leg, amount_in=True),
        )

    def _or_garbage(self, good: Any, *garbage: Callable[[], Any]) -> Any:
        if self._fate.strikes("venue answers garbage"):
            return self._fate.random.choice([*garbage, lambda: None, lambda: "a quote"])()
        return good
