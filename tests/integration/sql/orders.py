"""Orders that go through a store."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from bestfill.events import OrderEvent
from bestfill.order import Order
from bestfill.ports import OrderStore
from bestfill.testing import samples
from bestfill.transition import Transition
from bestfill_adapters.sql.sqlite import SqliteStore

STEPS = (samples.chosen, samples.submitted, samples.landed)


async def place(store: OrderStore, number: int = 1, user_id: str = "user-123") -> Order:
    return (await store.place(*samples.new_order(number, samples.request(user_id=user_id))))[0]


async def advance(store: OrderStore, order: Order, steps: int) -> Transition:
    """Commit the first moves of a story: start, choose, sign, land."""
    move = samples.started(order)
    await store.commit(move)
    for step in STEPS[: steps - 1]:
        assert move.attempt is not None
        move = step(move.order, move.attempt)
        await store.commit(move)
    return move


async def crowd(store: OrderStore, count: int, users: int = 1) -> list[Order]:
    """Take many orders from first to last at once."""

    async def story(number: int) -> Order:
        order = await place(store, number, f"user-{number % users}")
        return (await advance(store, order, 4)).order

    return await asyncio.gather(*(story(number) for number in range(count)))


async def in_one_group(store: SqliteStore, *calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """Have the writer do all of these as one group; give their results or errors."""
    writer = store._writer
    with writer.file.lock:
        first = asyncio.ensure_future(writer.do(lambda _draft: None))  # holds the writer up
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        while not writer._jobs.empty():  # noqa: ASYNC110 - a thread empties it, and tells nobody
            await asyncio.sleep(0)
        tasks = [asyncio.ensure_future(call) for call in calls]
        await asyncio.sleep(0)  # they are called
        await asyncio.sleep(0)  # and handed over together
        assert not writer._gathered
        assert not writer._jobs.empty()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


def numbers(events: list[OrderEvent]) -> list[int]:
    return [event.user_seq for event in events]
