"""The checks of an OrderQueue, with a way to see what reaches a worker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from attrs import frozen

from bestfill.ports import OrderQueue
from bestfill.testing.samples import order_id
from bestfill.units import OrderId

DELAY_MS: Final = 500
"""Longer than a queue may gather wakes, so that one that knows no delays is found out."""


@frozen
class Subject:
    """A queue with a worker; `receive` waits for the next ids that reach it."""

    queue: OrderQueue
    receive: Callable[[], Awaitable[list[OrderId]]]


async def a_wake_reaches_a_worker(subject: Subject) -> None:
    """What is woken arrives."""
    ids = [order_id(n) for n in range(3)]
    await subject.queue.wake(ids)
    assert await _gather(subject, 3) == set(ids)


async def many_wakes_all_arrive(subject: Subject) -> None:
    """Concurrent wakes are not lost while nothing fails."""
    ids = {order_id(n) for n in range(200)}
    await asyncio.gather(*(subject.queue.wake([i]) for i in ids))
    assert await _gather(subject, len(ids)) == ids


async def a_delayed_wake_comes_no_earlier_than_it_is_due(subject: Subject) -> None:
    """A delay holds a wake back."""
    late, soon = order_id(1), order_id(2)
    loop = asyncio.get_running_loop()
    woken_at = loop.time()
    await subject.queue.wake([late], DELAY_MS)
    await subject.queue.wake([soon])
    missing = {late, soon}
    async with asyncio.timeout(20):
        while missing:
            came = await subject.receive()
            assert late not in came or loop.time() - woken_at >= DELAY_MS / 1000
            missing.difference_update(came)


async def waking_nobody_is_nothing(subject: Subject) -> None:
    """An empty wake is no error and delivers nothing."""
    await subject.queue.wake([])
    await a_wake_reaches_a_worker(subject)


async def _gather(subject: Subject, count: int) -> set[OrderId]:
    seen: set[OrderId] = set()
    async with asyncio.timeout(20):
        while len(seen) < count:
            seen.update(await subject.receive())
    return seen


CHECKS: Final[tuple[Callable[[Subject], Awaitable[None]], ...]] = (
    a_wake_reaches_a_worker,
    many_wakes_all_arrive,
    a_delayed_wake_comes_no_earlier_than_it_is_due,
    waking_nobody_is_nothing,
)
