"""The checks of a Notifier."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from attrs import evolve

from bestfill.events import OrderEvent
from bestfill.order import Status
from bestfill.ports import Notifier
from bestfill.testing.samples import chosen, landed, new_order, request, started, submitted
from bestfill.units import U64_MAX, Millis


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
    """Without subscribers an event is dropped; at most it comes to one who enters shortly after, before the next."""
    before, after = new_order(1)[1], new_order(2)[1]
    await notifier.publish([before])
    async with notifier.subscribe() as batches:
        await notifier.publish([after])
        seen: list[OrderEvent] = []
        while after not in seen:
            seen += await take(batches, 1)
        assert seen in ([after], [before, after])


async def what_is_published_at_once_stays_together_and_in_order(notifier: Notifier) -> None:
    """Many publish at the same time: all arrives once, and the events of one call in their order."""
    calls = [[new_order(100 * n + i)[1] for i in range(5)] for n in range(50)]
    async with notifier.subscribe() as batches:
        await asyncio.gather(*(notifier.publish(call) for call in calls))
        seen = await take(batches, 250)
    assert len({event.order_id for event in seen}) == 250
    for call in calls:
        assert [event for event in seen if event in call] == call


async def an_event_keeps_all_that_it_holds(notifier: Notifier) -> None:
    """Whatever an order's story holds arrives as it was, to the type."""
    order, first = new_order(1, request(amount_in=U64_MAX, min_amount_out=1, user_id="ünïcode 用户 \U0001f600"))
    move, told = started(order), [first]
    for go in (chosen, submitted, landed):
        assert move.event is not None and move.attempt is not None
        told.append(move.event)
        move = go(move.order, move.attempt)
    assert move.event is not None
    told.append(evolve(move.event, user_seq=2**53, timestamp=Millis(2**53)))
    async with notifier.subscribe() as batches:
        await notifier.publish(told)
        seen = await take(batches, len(told))
    assert seen == told and [type(event.status) for event in seen] == [Status] * len(told)


async def publishing_nothing_is_no_gap(notifier: Notifier) -> None:
    """No events say nothing; above all not that some are missing."""
    event = new_order(1)[1]
    async with notifier.subscribe() as batches:
        await notifier.publish([])
        await notifier.publish([event])
        assert list(await anext(batches)) == [event]


async def leaving_ends_the_iteration(notifier: Notifier) -> None:
    """Whoever still waits for a batch when the context is left gets the end instead."""
    async with notifier.subscribe() as batches, notifier.subscribe() as others:
        waiting = asyncio.ensure_future(anext(batches, None))
        await asyncio.sleep(0)
        event = new_order(1)[1]
        await notifier.publish([event])
        assert await take(others, 1) == [event]
        async with asyncio.timeout(20):
            assert await waiting is not None
        waiting = asyncio.ensure_future(anext(batches, None))
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        assert await waiting is None
        assert await anext(batches, None) is None


async def a_reader_that_never_reads_holds_nobody_up(notifier: Notifier) -> None:
    """Publishing goes on, however far behind a subscriber is; the reader that keeps up misses nothing."""
    events = [new_order(1)[1]] * 20
    async with notifier.subscribe(), notifier.subscribe() as reader:
        for _ in range(250):
            await notifier.publish(events)
            assert await take(reader, 20) == events


async def a_reader_that_fell_behind_is_told(notifier: Notifier) -> None:
    """A reader that comes back late gets every event, or an empty batch where some are missing, and goes on."""
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
            after = new_order(3)[1]
            await notifier.publish([after])
            while after not in await anext(batches):
                await notifier.publish([after])


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
    what_is_published_at_once_stays_together_and_in_order,
    an_event_keeps_all_that_it_holds,
    publishing_nothing_is_no_gap,
    leaving_ends_the_iteration,
    a_reader_that_never_reads_holds_nobody_up,
    a_reader_that_fell_behind_is_told,
)
