"""A trader at a cluster in this process: the test owns the clock, hears every signature, and may spoil any answer."""

import asyncio
import json
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

import httpx
from attrs import evolve

from bestfill.ports import Venue
from bestfill.quote import Quote, QuoteRequest, SwapPlan
from bestfill.slippage import min_out
from bestfill.testing.clock import ManualClock
from bestfill.testing.samples import order_id
from bestfill.tokens import MAINNET, TokenList
from bestfill.units import BaseUnits, Bps
from bestfill_adapters.plugins import VenueContext, load_venues
from bestfill_adapters.settings import Hidden, Settings, SolanaSettings
from bestfill_adapters.solana.gateway import Gateway
from bestfill_adapters.solana.signer import KeypairSigner, Signer
from tools.cluster.cluster import DECIMALS, VENUES, Cluster
from tools.cluster.rules import Rules
from tools.cluster.transport import ClusterTransport

AMOUNTS = {"SOL": 1_500_000_000, "tUSD": 200_000_000, "tBTC": 1_000_000}
Spoil = Callable[[Any], Any]
"""Takes an answer's result, and gives another result, bytes to answer instead, or an httpx.Response."""


class Spy(Signer):
    """Signs for a wallet, and remembers what."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self.signed: list[bytes] = []

    @property
    def address(self) -> str:
        return self._signer.address

    async def sign(self, message: bytes) -> bytes:
        self.signed.append(message)
        return await self._signer.sign(message)


class Spoiler(httpx.AsyncBaseTransport):
    """The way to a cluster; `spoils` what it answers, by method, and notes what was `asked`."""

    def __init__(self, cluster: Cluster) -> None:
        self._way = ClusterTransport(cluster)
        self.spoils: dict[str, Spoil] = {}
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(await request.aread())
        methods = [one["method"] for one in (asked if isinstance(asked, list) else [asked])]
        self.asked += methods
        response = await self._way.handle_async_request(request)
        if not self.spoils.keys() & set(methods):
            return response
        told = json.loads(await response.aread())
        answers = told if isinstance(told, list) else [told]
        for method, answer in zip(methods, answers, strict=True):
            if (spoil := self.spoils.get(method)) is not None:
                bad = spoil(answer["result"])
                if isinstance(bad, httpx.Response | bytes):
                    return bad if isinstance(bad, httpx.Response) else httpx.Response(200, content=bad)
                answer["result"] = bad
        return httpx.Response(200, content=json.dumps(told).encode())


class Desk:
    """A gateway, the cluster's two venues and the network. A block a slot, final after four."""

    def __init__(self, folder: Path, *, dry_run: bool = False, keypair: Signer | None = None, **rules: Any) -> None:
        self.clock = ManualClock()
        quiet = {"skipped": 0.0, "delay": (1, 1), "confirmed": 1, "finalized": 4}
        self.cluster = Cluster(self.clock.now, 1, Rules(**(quiet | rules)))
        self.slots(200)
        self.way = Spoiler(self.cluster)
        urls = tuple(Hidden(f"http://cluster/{number + 1}") for number in range(len(self.cluster.nodes)))
        pools = self.cluster.pools_file(folder)
        solana = SolanaSettings(rpc=urls, pools=pools, rpc_per_s=10_000, dry_run=dry_run)
        self.settings = Settings(solana=solana, venues=VENUES)
        self.signer = Spy(keypair or KeypairSigner(self.cluster.wallet))
        self._wire()

    def _wire(self) -> None:
        assert self.settings.solana
        self.gateway = Gateway(self.settings.solana, self.clock, self.way)
        context = VenueContext(clock=self.clock, seed="seed", settings=self.settings, environ={}, solana=self.gateway)
        self.venues: dict[str, Venue] = {venue.name: venue for venue in load_venues(VENUES, context)}
        self.tokens = TokenList(MAINNET)
        self.network = self.gateway.network(self.signer)

    def another(self) -> "Desk":
        """Give another process' view of the same chain, after a look at the pools file as it is now."""
        made = copy(self)
        made._wire()
        return made

    async def start(self) -> "Desk":
        await self.gateway.start(self.tokens)
        return self

    def slots(self, count: int) -> None:
        """Let so many slots pass."""
        self.clock.advance(count * 400)
        self.cluster.chain.advance()

    def request(self, sold: str = "SOL", bought: str = "tUSD") -> QuoteRequest:
        return QuoteRequest(
            input_mint=self.cluster.mints[sold],
            output_mint=self.cluster.mints[bought],
            amount_in=BaseUnits(AMOUNTS[sold]),
            decimals_in=DECIMALS[sold],
            decimals_out=DECIMALS[bought],
        )

    async def quote(self, sold: str = "SOL", bought: str = "tUSD", venue: str = VENUES[0]) -> Quote:
        return await self.venues[venue].quote(self.request(sold, bought))

    async def plan(self, sold: str = "SOL", bought: str = "tUSD", *venues: str, number: int = 1) -> SwapPlan:
        """Plan a swap of one leg at each of these venues, or at the first."""
        used = venues or VENUES[:1]
        quotes = await asyncio.gather(*(self.quote(sold, bought, venue) for venue in used))
        bounds = [min_out(quote.amount_out, Bps(50), None) for quote in quotes]
        legs = [await self.venues[q.venue].leg(q, bound) for q, bound in zip(quotes, bounds, strict=True)]
        return SwapPlan(
            order_id=order_id(number),
            attempt=1,
            input_mint=legs[0].input_mint,
            output_mint=legs[0].output_mint,
            amount_in=BaseUnits(sum(leg.amount_in for leg in legs)),
            min_out=BaseUnits(sum(leg.min_out for leg in legs)),
            route=tuple(legs),
        )


def with_legs(plan: SwapPlan, **changes: Any) -> SwapPlan:
    """Give a plan whose only leg is changed."""
    (leg,) = plan.route
    return evolve(plan, route=(evolve(leg, **changes),))
