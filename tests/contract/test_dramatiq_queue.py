"""The queue on Dramatiq keeps the contract of a queue, over a real server and with Dramatiq's own worker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import dramatiq
import pytest

from bestfill.testing.contracts import queue as contract
from bestfill.units import OrderId
from bestfill_adapters.dramatiq import DramatiqQueue
from bestfill_adapters.dramatiq.broker import ACTOR, QUEUE, connect, make_broker


@asynccontextmanager
async def subject(redis_url: str) -> AsyncIterator[contract.Subject]:
    loop, inbox = asyncio.get_running_loop(), asyncio.Queue[list[OrderId]]()
    client = connect(redis_url, 8)
    broker = make_broker(client)

    def run_orders(order_ids: list[OrderId]) -> None:
        loop.call_soon_threadsafe(inbox.put_nowait, order_ids)

    dramatiq.actor(run_orders, actor_name=ACTOR, queue_name=QUEUE, broker=broker)
    # One thread, so that what comes out of the queue in order is received in order.
    worker = dramatiq.Worker(broker, worker_timeout=10, worker_threads=1)
    queue = DramatiqQueue(redis_url)
    queue.start()
    worker.start()
    try:
        yield contract.Subject(queue, inbox.get)
    finally:
        await asyncio.to_thread(worker.stop, 10_000)
        await queue.close()
        client.close()


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
async def test_contract(check: Callable[[contract.Subject], Awaitable[None]], redis_url: str):
    async with subject(redis_url) as made:
        await check(made)
