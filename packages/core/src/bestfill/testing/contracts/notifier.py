"""The checks of a Notifier."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from bestfill.events import OrderEvent
from bestfill.ports import Notifier
from bestfill.testing.samples import new_order


async def a_subscriber_gets_every_event_in_order(notifier: Notifier) -> None:
    """What is published after entering arrives once, in the order of publishing, unharmed."""
    events = [new_order(n)[1] for n in range(100)]
    async with notifier.subscribe() as batches:
        for event in events:
            await notifier.publish([event])
        assert await take(batches, len(events)) == events


async def every_subscriber_gets_everything(notifier: Notifier) -> None:
    """Subscribers do not take events from each other."""
    events = [new_order(n)[1] for n in range(10)]
    async with notifier.subscribe() as one, notifier.subscribe() as other:
        await notifier.publish(events)
        assert await take(one, 10) == events
        assert await take(other, 10) == events


async def publishing_to_nobody_is_nothing(notifier: Notifier) -> None:
    """Without subscribers an event is dropped; a later subscriber does not get it."""
    before, after = new_order(1)[1], new_order(2)[1]
    await notifier.publish([before])
    async with notifier.subscribe() as batches:
        await notifier.publish([after])
        assert await take(batches, 1) == [after]


async def a_reader_that_never_reads_holds_nobody_up(notifier: Notifier) -> None:
    """Publishing goes on, however far behind a subscriber is; the reader that keeps up misses nothing."""
    event = new_order(1)[1]
    async with notifier.subscribe(), notifier.subscribe() as reader:
        async with asyncio.timeout(20):
            for _ in range(5_000):
                await notifier.publish([event])
                assert await take(reader, 1) == [event]


async def a_reader_that_fell_behind_is_told(notifier: Notifier) -> None:
    """A reader that comes back late gets every event, or an empty batch where some are missing."""
    event, last = new_order(1)[1], new_order(2)[1]
    async with notifier.subscribe() as batches:
        for _ in range(20_000):
            await notifier.publish([event])
        seen, told = 0, False
        await notifier.publish([last])
        async with asyncio.timeout(20):
            async for batch in batches:
                seen, told = seen + len(batch), told or not batch
                if last in batch or not batch:
                    break
        assert told or seen == 20_001, f"{20_001 - seen} events are missing, and nobody said so"


async def take(batches: AsyncIterator[Sequence[OrderEvent]], count: int) -> list[OrderEvent]:
    """Read until `count` events have come."""
    seen: list[OrderEvent] = []
    async with asyncio.timeout(20):
        while len(seen) < count:
            seen += await anext(batches)
    return seen


CHECKS: Final[tuple[Callable[[Notifier], Awaitable[None]], ...]] = (
    a_subscriber_gets_every_event_in_order,
    every_subscriber_gets_everything,
    publishing_to_nobody_is_nothing,
    a_reader_that_never_reads_holds_nobody_up,
    a_reader_that_fell_behind_is_told,
)
