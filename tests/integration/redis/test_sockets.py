"""The API's sockets over Redis: none misses an event, whatever becomes of Redis, and few questions are asked for it."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

from bestfill.events import OrderEvent
from bestfill.order import Status
from bestfill.testing.store import MemoryStore
from bestfill.units import OrderId
from bestfill_adapters.redis import RedisNotifier
from bestfill_api.follow import Pace
from tests.unit.api.house import house
from tests.unit.api.wires import connect
from tools.servers import Valkey

STORY = ["pending", "routing", "building", "submitted", "confirmed"]


class Asked(MemoryStore):
    """Counts what sockets ask."""

    def __init__(self) -> None:
        super().__init__()
        self.questions = self.reads = 0

    async def seqs(self, order_ids: Sequence[OrderId]) -> dict[OrderId, int]:
        self.questions += 1
        return await super().seqs(order_ids)

    async def events(self, order_id: OrderId, since: int = 0, limit: int = 1_000) -> list[OrderEvent]:
        self.reads += 1
        return await super().events(order_id, since, limit)


async def test_sockets_go_on_while_redis_is_away_and_live_when_it_is_back(notifier: RedisNotifier, valkey: Valkey):
    store = Asked()
    async with house(store=store, notifier=notifier, pace=Pace(send_s=3_600)) as api, AsyncExitStack() as open_:
        orders = [await api.place() for _ in range(30)]
        wires = [await open_.enter_async_context(connect(api.app, f"/ws/{order}")) for order in orders]
        for wire in wires:
            assert (await wire.event())["status"] == "pending"
        for order in orders:
            await api.move(order, Status.ROUTING)
        for wire in wires:
            assert (await wire.event())["status"] == "routing"

        await asyncio.to_thread(valkey.kill)
        before = store.reads
        for order in orders[:10]:
            await api.move(order, Status.SUBMITTED)
        for wire in wires[:10]:
            assert [(await wire.event())["status"] for _ in range(2)] == STORY[2:4]
        assert store.reads - before == 10, "sockets that miss nothing have read the store too"
        assert all(wire.outbox.empty() for wire in wires)

        await asyncio.to_thread(valkey.start)
        for order in orders:
            await api.move(order, Status.CONFIRMED)
        for number, wire in enumerate(wires):
            left = STORY[4:] if number < 10 else STORY[2:]
            assert [event["status"] for event in await wire.events(len(left))] == left
            assert (await wire.closed())[0] == 1000


async def test_the_api_starts_and_serves_sockets_without_redis(notifier: RedisNotifier, valkey: Valkey):
    await asyncio.to_thread(valkey.kill)
    async with house(notifier=notifier, pace=Pace(send_s=3_600)) as api:
        order = await api.place()
        async with connect(api.app, f"/ws/{order}") as one, connect(api.app, "/ws?userId=user-123&since=0") as all_:
            await api.move(order, Status.CONFIRMED)
            assert [event["status"] for event in await one.events(5)] == STORY
            assert [event["status"] for event in await all_.events(5)] == STORY
