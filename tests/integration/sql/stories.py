"""A store with a story of each kind in it, and what `bestfill verify` finds there."""

import asyncio
from itertools import count

from bestfill import transition as to
from bestfill.errors import Cancelled, QuoteError
from bestfill.order import AttemptOutcome, Order
from bestfill.ports import OrderStore
from bestfill.testing import samples
from bestfill.testing.samples import NOW
from bestfill.transition import Transition
from bestfill.units import Millis
from bestfill_adapters.verify import Fault, Source, verify
from tests.integration.sql.orders import advance, crowd, place

USERS = ("user-0", "user-1", "größe")


async def fill(store: OrderStore) -> list[Order]:
    """Store orders that wait, are under way, are flagged, and have ended in each way; give them by their ids."""
    orders = [await _waiting(store, 101), await _cancelled(store, 102), await _under_way(store, 103)]
    orders += [await _flagged(store, 104), await _retried(store, 105), await _failed(store, 106)]
    orders += await crowd(store, 6, users=2)
    return sorted(orders, key=lambda order: order.id)


async def _waiting(store: OrderStore, number: int) -> Order:
    return await place(store, number, USERS[2])


async def _cancelled(store: OrderStore, number: int) -> Order:
    order = await place(store, number, USERS[1])
    return await _commit(store, to.cancel(order, None, Cancelled("as asked"), NOW))


async def _under_way(store: OrderStore, number: int) -> Order:
    return (await advance(store, await place(store, number, USERS[0]), 2)).order


async def _flagged(store: OrderStore, number: int) -> Order:
    move = await advance(store, await place(store, number, USERS[2]), 3)
    assert move.attempt is not None
    return await _commit(store, to.flag(move.order, move.attempt, "nobody can tell", Millis(NOW + 60_000), NOW))


async def _retried(store: OrderStore, number: int) -> Order:
    move = await advance(store, await place(store, number, USERS[0]), 3)
    assert move.attempt is not None
    move = samples.retried(move.order, move.attempt)
    await store.commit(move)
    return (await advance(store, move.order, 4)).order


async def _failed(store: OrderStore, number: int) -> Order:
    move = await advance(store, await place(store, number, USERS[1]), 1)
    assert move.attempt is not None
    error = QuoteError("no venue answered")
    return await _commit(store, to.fail(move.order, move.attempt, error, AttemptOutcome.ABANDONED, NOW))


async def _commit(store: OrderStore, move: Transition) -> Order:
    await store.commit(move)
    return move.order


async def keep_busy(store: OrderStore, enough: asyncio.Event) -> int:
    """Take orders from first to last, many at once, until it is enough; give how many."""
    numbers = count()

    async def one_after_the_other() -> None:
        while not enough.is_set():
            number = next(numbers)
            await advance(store, await place(store, number, f"user-{number % 3}"), 4)

    await asyncio.gather(*(one_after_the_other() for _ in range(50)))
    return next(numbers)


def found(source: Source) -> list[Fault]:
    """Give all that is found, and let the database go."""
    faults: list[Fault] = []
    try:
        verdict = verify(source, faults.append)
    finally:
        source.close()
    assert verdict.faults == len(faults)
    return faults


def blamed(faults: list[Fault]) -> set[str]:
    """Give the ids of the orders that are said to be broken."""
    return {fault.subject.removeprefix("order ") for fault in faults if fault.subject.startswith("order ")}
