"""What the in-process notifier adds to the contract of a notifier."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from bestfill.events import OrderEvent
from bestfill.testing.samples import new_order
from bestfill_adapters.memory import MemoryNotifier

EVENTS = [new_order(n)[1] for n in range(6)]


async def rest(batches: AsyncIterator[Sequence[OrderEvent]]) -> list[Sequence[OrderEvent]]:
    return [batch async for batch in batches]


async def test_who_fell_behind_gets_an_empty_batch_and_goes_on_from_there():
    notifier = MemoryNotifier(buffer=3)
    async with notifier.subscribe() as batches:
        for event in EVENTS[:5]:
            await notifier.publish([event])
        # The fourth did not fit: all four are lost, and the fifth comes after saying so.
        assert list(await anext(batches)) == []
        assert await anext(batches) == EVENTS[4:5]
        await notifier.publish(EVENTS[:3])
        assert await anext(batches) == EVENTS[:3]


async def test_one_batch_above_the_buffer_is_a_gap():
    notifier = MemoryNotifier(buffer=3)
    async with notifier.subscribe() as batches:
        await notifier.publish(EVENTS[:4])
        assert list(await anext(batches)) == []
        await notifier.publish(EVENTS[:3])
        assert await anext(batches) == EVENTS[:3]


async def test_publishing_nothing_does_not_look_like_a_gap():
    notifier = MemoryNotifier()
    async with notifier.subscribe() as batches:
        await notifier.publish([])
        await notifier.publish(EVENTS[:1])
        assert await anext(batches) == EVENTS[:1]


async def test_what_a_reader_got_is_not_changed_by_what_comes_later():
    notifier = MemoryNotifier()
    async with notifier.subscribe() as batches:
        await notifier.publish(EVENTS[:1])
        batch = await anext(batches)
        await notifier.publish(EVENTS[1:])
        assert batch == EVENTS[:1]


async def test_leaving_the_context_ends_a_reader_that_waits():
    notifier = MemoryNotifier()
    async with notifier.subscribe() as batches:
        reading = asyncio.create_task(rest(batches))
        await asyncio.sleep(0)
    assert await reading == []
    async with notifier.subscribe() as batches:
        await notifier.publish(EVENTS)
    await notifier.publish(EVENTS)
    assert await rest(batches) == []


async def test_a_reader_that_is_cancelled_keeps_what_comes_next():
    notifier = MemoryNotifier()
    async with notifier.subscribe() as batches:
        reading = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await notifier.publish(EVENTS)
        assert await anext(batches) == EVENTS


async def test_closing_gives_out_what_was_published_and_ends_every_iteration():
    notifier = MemoryNotifier()
    async with notifier.subscribe() as full, notifier.subscribe() as waiting:
        reading = asyncio.create_task(rest(waiting))
        await notifier.publish(EVENTS)
        await asyncio.sleep(0)
        notifier.close()
        assert await rest(full) == [EVENTS]
        assert await reading == [EVENTS]
        async with notifier.subscribe() as late:
            assert await rest(late) == []


async def test_subscribers_come_and_go_while_events_are_published():
    notifier = MemoryNotifier()

    async def read(number: int) -> Sequence[OrderEvent]:
        async with notifier.subscribe() as batches:
            entered.release()
            return (await anext(batches))[:number]

    entered = asyncio.Semaphore(0)
    readers = [asyncio.create_task(read(n % 3 + 1)) for n in range(100)]
    for _ in readers:
        await entered.acquire()
    await notifier.publish(EVENTS)
    assert [len(batch) for batch in await asyncio.gather(*readers)] == [n % 3 + 1 for n in range(100)]
    await notifier.publish(EVENTS)
