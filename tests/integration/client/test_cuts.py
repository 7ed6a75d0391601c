"""No event is lost and none is shown twice, whatever becomes of the connections meanwhile."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

from bestfill_client import AsyncBestfill, Bestfill, Event, Patience
from tests.integration.client.way import cutting

ORDERS = 50
CUTS = 20
EVERY = ORDERS * 5 * 2 // (CUTS + 4)
"""Each order has five events or more, and each is told twice: to who watches the order, and to who watches the user."""

PATIENCE = Patience(tries=50, first_s=0.01, longest_s=0.1)

Stories = Mapping[str, Sequence[Event]]


def test_20_cuts_during_50_orders_lose_and_repeat_nothing(url: str) -> None:
    before = opened(url)
    with cutting(url, EVERY) as way:
        with Bestfill(way.url, user_id="cut", patience=PATIENCE) as client, ThreadPoolExecutor(ORDERS) as crowd:
            stream = client.watch_user()

            def story(_: int) -> tuple[str, list[Event]]:
                order_id, told = client.submit("SOL", "USDC", "1.5").order_id, list[Event]()
                for event in client.watch(order_id):
                    told.append(event)
                    way.told()
                return order_id, told

            running = [crowd.submit(story, number) for number in range(ORDERS)]
            mine = list[Event]()
            for event in stream:
                mine.append(event)
                way.told()
                if sum(event.ended for event in mine) == ORDERS or any(failed(one) for one in running):
                    break
            stories = dict(done.result() for done in running)
        holds(url, "cut", stories, mine)
        assert way.cuts >= CUTS
        assert opened(url) - before >= ORDERS + 1 + CUTS, "the cuts met streams"


async def test_20_cuts_during_50_orders_lose_and_repeat_nothing_async(url: str) -> None:
    before = opened(url)
    with cutting(url, EVERY) as way:
        async with AsyncBestfill(way.url, user_id="cut-async", patience=PATIENCE) as client:

            async def story() -> tuple[str, list[Event]]:
                order_id, told = (await client.submit("SOL", "USDC", "1.5")).order_id, list[Event]()
                async for event in client.watch(order_id):
                    told.append(event)
                    way.told()
                return order_id, told

            async def whole() -> list[Event]:
                told = list[Event]()
                async with aclosing(client.watch_user(since=0)) as stream:
                    async for event in stream:
                        told.append(event)
                        way.told()
                        if sum(event.ended for event in told) == ORDERS:
                            break
                return told

            mine, *told = await asyncio.gather(whole(), *(story() for _ in range(ORDERS)))
        holds(url, "cut-async", dict(told), mine)
        assert way.cuts >= CUTS
        assert opened(url) - before >= ORDERS + 1 + CUTS, "the cuts met streams"


def failed(story: Future[Any]) -> bool:
    """Say whether there is no point in waiting for the rest."""
    return story.done() and story.exception() is not None


def opened(url: str) -> int:
    """Count the sockets that were ever opened."""
    with Bestfill(url) as direct:
        return direct.socket_stats().opened


def holds(url: str, user_id: str, stories: Stories, mine: Sequence[Event]) -> None:
    """Hold what was told against what the engine has."""
    with Bestfill(url, user_id=user_id) as direct:
        assert {order_id: tuple(told) for order_id, told in stories.items()} == {
            order_id: direct.events(order_id) for order_id in stories
        }
        assert all(told[-1].ended for told in stories.values())
        everything = [event for told in stories.values() for event in told]
        assert mine == sorted(everything, key=lambda event: event.user_seq)
        assert [event.user_seq for event in mine] == list(range(1, len(mine) + 1))
        page = direct.orders()
        assert (page.total, page.user_seq) == (ORDERS, len(mine)), "no order was placed twice"
