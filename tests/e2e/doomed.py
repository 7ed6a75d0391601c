"""A process of the embedded mode that gets 20 orders each into routing, building and submitted, says so, and hangs.

The amount decides how far an order goes: 1 SOL stops at the venues, 2 SOL at signing, 3 SOL on the chain.
"""

import asyncio
import sys
from pathlib import Path

from dependency_injector import providers

from bestfill.order import Status
from bestfill.quote import Quote, QuoteRequest, SignedSwap, SwapPlan
from bestfill.testing.samples import request
from bestfill_adapters.container import Embedded, start
from bestfill_adapters.mock.network import MockNetwork
from bestfill_adapters.mock.venue import MockVenue
from bestfill_adapters.settings import MockSettings, Settings

EACH = 20
SOL = 10**9
STOPS = {1 * SOL: Status.ROUTING, 2 * SOL: Status.BUILDING, 3 * SOL: Status.SUBMITTED}


class SlowNetwork(MockNetwork):
    """Never ends signing 2 SOL."""

    async def sign(self, plan: SwapPlan) -> SignedSwap:
        if plan.amount_in == 2 * SOL:
            await asyncio.Event().wait()
        return await super().sign(plan)


def slow_venue(venue: MockVenue) -> MockVenue:
    quote = venue.quote

    async def ask(asked: QuoteRequest) -> Quote:
        if asked.amount_in == 1 * SOL:
            await asyncio.Event().wait()
        return await quote(asked)

    venue.quote = ask
    return venue


async def main(folder: str) -> None:
    container = Embedded()
    container.settings.override(
        Settings(
            data_dir=Path(folder),
            concurrency=3 * EACH,
            quote_timeout_ms=60_000,
            mock=MockSettings(quote_ms=(0, 0), confirm_ms=(3_000, 4_000)),
        )
    )
    container.network.override(
        providers.Singleton(SlowNetwork, container.ledger, container.clock, container.settings().mock, container.seed)
    )
    for venue in container.venues():
        slow_venue(venue)
    await start(container)
    left = dict.fromkeys(STOPS.values(), EACH)
    async with container.notifier().subscribe() as batches:
        for number in range(EACH * len(STOPS)):
            amount = list(STOPS)[number % len(STOPS)]
            order = await container.engine().place(request(amount_in=amount, min_amount_out=None, expires_at=None))
            print(order.id, flush=True)
        async for batch in batches:
            for event in batch:
                order = await container.store().get(event.order_id)
                left[event.status] = left.get(event.status, 0) - (STOPS[order.amount_in] is event.status)
            if not any(left[status] for status in STOPS.values()):
                break
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))
