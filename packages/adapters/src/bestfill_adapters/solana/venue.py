"""A venue over the pools of one market: reads them as of one slot, prices them, and gives the best."""

import asyncio
from collections.abc import Mapping
from typing import Final

from bestfill.errors import ExecutionError, NetworkUnavailable, NoRoute, SlippageExceeded, VenueUnavailable
from bestfill.ports import Clock, Venue
from bestfill.quote import Leg, Quote, QuoteRequest
from bestfill.units import BaseUnits, Bps
from bestfill_adapters.solana.account import CLOCK, Account, Refused, Snapshot, checked
from bestfill_adapters.solana.directory import Directory, Side
from bestfill_adapters.solana.legs import LegTerms, decode_leg, encode_leg
from bestfill_adapters.solana.market import Market
from bestfill_adapters.solana.rpc import ACCOUNTS_MAX, Rpc

ROUNDS: Final = 3
"""So often a pool is read until all that its quote needs is of one slot: it may move on between two readings."""
STALE_S: Final = 60
"""The chain's time may be so far from this machine's: a node whose chain is further behind has only old prices."""
_SYSVARS: Final = "Sysvar1111111111111111111111111111111111111"


class SolanaVenue(Venue):
    """Quotes the pools of a market that the directory lists, each from accounts of a single slot."""

    def __init__(self, market: Market, directory: Directory, rpc: Rpc, clock: Clock) -> None:
        self.market = market
        self._directory, self._rpc, self._clock = directory, rpc, clock
        self._needed: dict[Side, tuple[str, ...]] = {}
        """What the last quote of a pool had to read: most likely what the next one has to."""

    @property
    def name(self) -> str:
        """The market's name."""
        return self.market.name

    async def quote(self, request: QuoteRequest) -> Quote:
        """Give the best of the pools that trade the pair.

        Raises:
            NoRoute: none does.
            VenueUnavailable: none can be quoted now; says why the first can't.
        """
        sides = self._directory.sides(self.name, request.input_mint, request.output_mint)
        if not sides:
            raise NoRoute(f"{self.name} has no pool for this pair")
        for mint, decimals in (
            (request.input_mint, request.decimals_in),
            (request.output_mint, request.decimals_out),
        ):
            if self._directory.decimals(mint) != decimals:
                raise NoRoute(f"{mint} has other decimals than the order says")
        answers = await asyncio.gather(*(self._offer(side, request) for side in sides), return_exceptions=True)
        offers = [answer for answer in answers if isinstance(answer, Quote)]
        if offers:
            return min(offers, key=lambda offer: (-offer.amount_out, offer.price_impact_bps))
        error = next(answer for answer in answers if isinstance(answer, BaseException))
        if isinstance(error, NetworkUnavailable):
            raise VenueUnavailable(error.reason) from error
        raise error

    async def leg(self, quote: Quote, min_out: BaseUnits) -> Leg:
        """Have the quoted pool's program hold the bound.

        Raises:
            ExecutionError: the quote is not one of this venue.
            SlippageExceeded: it is below the bound.
        """
        terms = decode_leg(quote.payload)
        if quote.venue != self.name or terms.market != self.name:
            raise ExecutionError(f"the quote is of {quote.venue}, not of {self.name}")
        if quote.amount_out < min_out:
            raise SlippageExceeded(f"the quote of {quote.amount_out} base units is below the bound of {min_out}")
        return Leg(
            venue=self.name,
            input_mint=quote.input_mint,
            output_mint=quote.output_mint,
            amount_in=quote.amount_in,
            min_out=min_out,
            payload=quote.payload,
        )

    async def _offer(self, side: Side, request: QuoteRequest) -> Quote:
        market, snapshot = self.market, await self._snapshot(side)
        priced = market.price(side.pool, snapshot, request.amount_in, forward=side.forward)
        if priced.amount_out <= 0:
            raise Refused("zero_out", "the amount is too small to give anything")
        terms = market.terms(side.pool, snapshot, priced, forward=side.forward)
        return Quote(
            venue=self.name,
            input_mint=request.input_mint,
            output_mint=request.output_mint,
            amount_in=request.amount_in,
            amount_out=BaseUnits(priced.amount_out),
            price_impact_bps=Bps(priced.price_impact_bps),
            fee_bps=Bps(priced.fee_bps),
            payload=encode_leg(LegTerms(market=self.name, pool=side.pool, forward=side.forward, terms=terms)),
        )

    async def _snapshot(self, side: Side) -> Snapshot:
        """Read all that a quote needs as of one slot."""
        wanted = self._needed.get(side, (side.pool,))
        for _ in range(ROUNDS):
            read = await self._rpc.accounts((CLOCK, *wanted))
            snapshot = _with_time(read.slot, read.accounts)
            self._check_time(snapshot.now)
            needed = dict.fromkeys((side.pool, *self.market.accounts(side.pool, snapshot, forward=side.forward)))
            if len(needed) >= ACCOUNTS_MAX:
                raise Refused("too_many_accounts", "the pool needs more accounts than can be read at once")
            if needed.keys() <= set(wanted):
                return snapshot
            wanted = self._needed[side] = tuple(needed)
        raise VenueUnavailable("the pool changes faster than it can be read")

    def _check_time(self, now: int) -> None:
        behind = self._clock.now() // 1000 - now
        if behind > STALE_S:
            raise VenueUnavailable("the node that answers is far behind the chain, so its prices are old")
        if behind < -STALE_S:
            # Fees that wane with time would seem lower than they are.
            raise VenueUnavailable("the chain's time is far ahead of this machine's, whose clock may need to be set")


def _with_time(slot: int, accounts: Mapping[str, Account | None]) -> Snapshot:
    clock = accounts.get(CLOCK)
    if clock is None:
        raise VenueUnavailable("the node does not tell the chain's time")
    now = checked(clock, _SYSVARS, 40).signed(32, 8)
    return Snapshot(slot=slot, now=now, accounts=accounts)
