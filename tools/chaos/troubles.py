"""Venues and a network that are in trouble at times, as the plan says: what a worker of the chaos run trades with."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from bestfill.errors import NetworkUnavailable, VenueUnavailable
from bestfill.ports import Clock, Venue
from bestfill.quote import Leg, Quote, QuoteRequest, SignedSwap, SwapOutcome, SwapStatus
from bestfill.units import BaseUnits, Millis
from bestfill_adapters.mock import chance
from bestfill_adapters.mock.blocks import WINDOW, height_at
from bestfill_adapters.mock.network import MockNetwork

HANGS, ERRS, LATE, STORMS = "venue hangs", "venue errs", "venue answers late", "all venues err"
REFUSES, LOSES, MUTE, LAGS = "network refuses sends", "network loses replies", "network hangs", "network node lags"
KINDS: Final = frozenset({HANGS, ERRS, LATE, STORMS, REFUSES, LOSES, MUTE, LAGS})

LATE_MS: Final = 1_500
LAG_SLOTS: Final = 40

OF_A_HUNDRED: Final = 10_000
"""One in a hundred, in parts per million."""
SLOW_MS: Final = 40_000
"""How much later than others a swap lands that is slow: near the end of its blockhash."""


@frozen
class Spell:
    """A time of trouble, in epoch milliseconds; `whom` is the one venue that has it, or nobody in particular."""

    kind: str
    whom: str
    begins: Millis
    ends: Millis


@frozen
class Forecast:
    """The times of trouble. Swaps that are signed before `losses_until` may get lost, which takes a minute to prove."""

    spells: Sequence[Spell] = ()
    losses_until: Millis = Millis(0)

    def now(self, moment: Millis, whom: str = "") -> set[str]:
        """Give what is wrong at a moment with a venue, or with the network."""
        return {s.kind for s in self.spells if s.begins <= moment < s.ends and s.whom in ("", whom)}


class TroubledVenue(Venue):
    """Passes on to a venue, and now and then does not."""

    def __init__(self, venue: Venue, clock: Clock, forecast: Forecast) -> None:
        self._venue, self._clock, self._forecast = venue, clock, forecast

    @property
    def name(self) -> str:
        """The venue's own name."""
        return self._venue.name

    async def quote(self, request: QuoteRequest) -> Quote:
        """Say what the user would receive."""
        now = self._clock.now()
        wrong = self._forecast.now(now, self.name)
        if HANGS in wrong:
            await asyncio.Event().wait()
        if LATE in wrong:
            await self._clock.sleep_until(Millis(now + LATE_MS))
        if wrong & {ERRS, STORMS}:
            raise VenueUnavailable("the venue has trouble, as planned")
        return await self._venue.quote(request)

    async def leg(self, quote: Quote, min_out: BaseUnits) -> Leg:
        """Turn a quote into a leg."""
        return await self._venue.leg(quote, min_out)


class TroubledNetwork(MockNetwork):
    """A door to the mock chain that jams now and then; a few swaps are lost for good, or land at the last moment."""

    def __init__(self, forecast: Forecast, **parts: Any) -> None:
        super().__init__(**parts)
        self._forecast = forecast

    async def send(self, swap: SignedSwap) -> None:
        """Send, unless there is trouble; the reply may be lost all the same."""
        now = self._now()
        wrong = self._forecast.now(now)
        if MUTE in wrong:
            await asyncio.Event().wait()
        if REFUSES in wrong:
            raise NetworkUnavailable("the network refuses, as planned")
        # Told by when it was signed, so that a swap that is lost is lost each time that it is sent.
        early = swap.last_valid_block_height - WINDOW < height_at(self._forecast.losses_until)
        if early and chance.happens(OF_A_HUNDRED, swap.signature, "lost"):
            return
        # Read before the first await, so that it is this swap's alone.
        self._late_ms = SLOW_MS if early and chance.happens(OF_A_HUNDRED, swap.signature, "slow") else 0
        await super().send(swap)
        if LOSES in wrong:
            raise NetworkUnavailable("the reply is lost, as planned")

    async def status(self, swap: SignedSwap) -> SwapStatus:
        """Ask a node, which may lag: it knows only what had landed by its own slot."""
        wrong = self._forecast.now(self._now())
        if MUTE in wrong:
            await asyncio.Event().wait()
        status = await super().status(swap)
        if LAGS not in wrong:
            return status
        slot = status.slot - LAG_SLOTS
        landing = await self._ledger.find(swap.signature)
        if landing is not None and landing.slot <= slot:
            return status
        return SwapStatus(outcome=SwapOutcome.NOT_FOUND, slot=slot)
