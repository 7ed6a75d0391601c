"""The checks of an OrderStore; each takes an empty one."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from attrs import evolve

from bestfill import transition as to
from bestfill.errors import Cancelled, Conflict, OrderNotFound, StoreError
from bestfill.order import IdempotencyKey, Order, Status
from bestfill.ports import OrderPage, OrderStore
from bestfill.testing import samples
from bestfill.testing.contracts.raising import raises
from bestfill.testing.invariants import check_order
from bestfill.testing.samples import NOW, new_order
from bestfill.transition import Transition
from bestfill.units import U64_MAX, Millis, OrderId

KEY: Final = IdempotencyKey(user_id="user-123", key="k-1", digest="d-1")


async def _place(store: OrderStore, number: int = 1) -> Order:
    return (await store.place(*new_order(number)))[0]


async def _to_submitted(store: OrderStore, order: Order) -> Transition:
    move = samples.started(order)
    await store.commit(move)
    for go in (samples.chosen, samples.submitted):
        assert move.attempt is not None
        move = go(move.order, move.attempt)
        await store.commit(move)
    return move


async def _to_confirmed(store: OrderStore, order: Order) -> Order:
    move = await _to_submitted(store, order)
    assert move.attempt is not None
    move = samples.landed(move.order, move.attempt)
    await store.commit(move)
    return move.order


async def what_is_placed_is_read_back(store: OrderStore) -> None:
    """Row and first event come back as they were given."""
    order, event = new_order()
    stored, first = await store.place(order, event)
    assert stored == order and first == evolve(event, user_seq=1)
    assert await store.get(order.id) == order
    assert await store.events(order.id) == [first]
    await check_order(store, order.id)


async def amounts_keep_every_unit(store: OrderStore) -> None:
    """The largest u64, and everything else that an attempt holds, survives to the unit and byte."""
    asked = samples.request(amount_in=U64_MAX, min_amount_out=U64_MAX, user_id="ünïcode 用户")
    order, event = new_order(asked=asked)
    await store.place(order, event)
    assert (await store.get(order.id)).amount_in == U64_MAX
    begun = samples.started(order)
    await store.commit(begun)
    assert begun.attempt is not None
    chosen = to.choose(begun.order, begun.attempt, samples.decision(order, U64_MAX), Millis(NOW + 10_000), NOW)
    await store.commit(chosen)
    assert chosen.attempt is not None
    signed = samples.submitted(chosen.order, chosen.attempt)
    await store.commit(signed)
    assert await store.attempt(order.id, 1) == signed.attempt
    assert await store.get(order.id) == signed.order
    await check_order(store, order.id)


async def a_whole_story_folds_into_its_row(store: OrderStore) -> None:
    """Through a retry to the end, row, events, attempts and failures agree."""
    order = await _place(store)
    move = await _to_submitted(store, order)
    assert move.attempt is not None
    move = samples.retried(move.order, move.attempt)
    await store.commit(move)
    ended = await _to_confirmed(store, move.order)
    assert await check_order(store, order.id) == ended
    assert [a.number for a in await store.executions(order.id)] == [1, 2]
    assert await store.failures(order.id) == [move.failure]


async def a_stale_version_writes_nothing(store: OrderStore) -> None:
    """Whoever comes second gets Conflict, and leaves no event, attempt or failure."""
    order = await _place(store)
    first, second = samples.started(order), to.cancel(order, None, Cancelled("too late"), NOW)
    await store.commit(first)
    await raises(Conflict, store.commit(second))
    assert await store.get(order.id) == first.order
    assert len(await store.events(order.id)) == 2
    assert await store.failures(order.id) == []
    await check_order(store, order.id)


async def of_many_at_once_one_wins(store: OrderStore) -> None:
    """Twenty commits of the same version, at once: exactly one is written."""
    order = await _place(store)
    moves = [to.start(order, Millis(NOW + i), NOW) for i in range(20)]
    results = await asyncio.gather(*(store.commit(m) for m in moves), return_exceptions=True)
    assert sum(isinstance(r, Conflict) for r in results) == 19, results
    assert len(await store.events(order.id)) == 2
    await check_order(store, order.id)


async def a_second_live_signature_is_refused(store: OrderStore) -> None:
    """While one signature is live, no other attempt of the order can record one, whatever its version."""
    order = await _place(store)
    move = await _to_submitted(store, order)
    assert move.attempt is not None
    rival = evolve(move.attempt, number=2, signed=samples.signed(order, salt=1))
    forged = Transition(
        order=evolve(move.order, version=move.order.version + 1),
        expected_version=move.order.version,
        attempt=rival,
    )
    bystander, its_event = new_order(2)
    results = await asyncio.gather(store.commit(forged), store.place(bystander, its_event), return_exceptions=True)
    assert isinstance(results[0], Conflict), results[0]
    assert await store.get(bystander.id) == bystander, "a refused commit took its neighbour along"
    assert await store.get(order.id) == move.order
    assert await store.executions(order.id) == [move.attempt]


async def a_signature_stands_for_one_attempt(store: OrderStore) -> None:
    """The signature of one order is refused for another: one landing would be taken for both."""
    first, second = await _place(store, 1), await _place(store, 2)
    taken = (await _to_submitted(store, first)).attempt
    assert taken is not None and taken.signed is not None
    move = samples.started(second)
    await store.commit(move)
    assert move.attempt is not None
    move = samples.chosen(move.order, move.attempt)
    await store.commit(move)
    assert move.attempt is not None
    copy = to.sign(move.order, move.attempt, taken.signed, Millis(NOW + 10_000), NOW)
    await raises(Conflict, store.commit(copy))
    assert await store.get(second.id) == move.order
    await check_order(store, first.id)
    await check_order(store, second.id)


async def a_dead_signature_makes_room(store: OrderStore) -> None:
    """Once the attempt has ended, the next may record its signature."""
    order = await _place(store)
    move = await _to_submitted(store, order)
    assert move.attempt is not None
    move = samples.retried(move.order, move.attempt)
    await store.commit(move)
    await _to_submitted(store, move.order)
    await check_order(store, order.id)


async def a_lease_changes_no_story(store: OrderStore) -> None:
    """Taking a lease moves the version, and nothing that anybody sees."""
    order = await _place(store)
    held = to.hold(order, Millis(NOW + 5))
    assert await store.commit(held) is None
    assert await store.get(order.id) == held.order
    await raises(Conflict, store.commit(samples.started(order)))
    assert len(await store.events(order.id)) == 1


async def a_key_stands_for_one_order(store: OrderStore) -> None:
    """The same key and digest give the first order, also at once; another digest is refused."""
    orders = [new_order(n) for n in range(50)]
    placed = await asyncio.gather(*(store.place(*new, KEY) for new in orders))
    assert len({order.id for order, _ in placed}) == 1
    assert sum(event is not None for _, event in placed) == 1
    assert (await store.page("user-123", 10, 0)).total == 1
    other = evolve(KEY, digest="d-2")
    await raises(Conflict, store.place(*new_order(99), other))
    await raises(Conflict, store.replay(other))
    assert (await store.page("user-123", 10, 0)).total == 1
    assert await store.replay(KEY) == placed[0][0]
    assert await store.replay(evolve(KEY, key="never used")) is None
    assert await store.replay(evolve(KEY, user_id="somebody else")) is None


async def what_is_due_is_claimed_once(store: OrderStore) -> None:
    """Concurrent sweeps share what is due between them, the longest due first, and move it on."""
    for n in range(30):
        order, event = new_order(n, now=Millis(NOW + n))
        await store.place(order, event)
    lease = Millis(NOW + 10_000)
    assert await store.claim_due(Millis(NOW - 1), lease, 10) == []
    first = await store.claim_due(Millis(NOW + 4), lease, 3)
    assert [o.wake_at for o in first] == [lease] * 3
    assert [o.created_at for o in first] == [NOW, NOW + 1, NOW + 2]
    assert [await store.get(o.id) for o in first] == first
    sweeps = await asyncio.gather(*(store.claim_due(Millis(NOW + 100), lease, 20) for _ in range(4)))
    claimed = [o.id for sweep in sweeps for o in sweep]
    assert len(claimed) == len(set(claimed)) == 27
    assert await store.claim_due(Millis(lease - 1), Millis(lease + 1), 99) == []


async def what_has_ended_is_never_due(store: OrderStore) -> None:
    """No sweep finds an order that is confirmed."""
    await _to_confirmed(store, await _place(store))
    assert await store.claim_due(Millis(NOW + 10**9), Millis(NOW + 10**9), 10) == []


async def a_user_is_numbered_without_gaps(store: OrderStore) -> None:
    """Over all orders of a user, events are numbered in the order of their commits; others do not count."""
    mine = [await _place(store, n) for n in range(40)]
    other, event = new_order(99, samples.request(user_id="other"))
    await store.place(other, event)
    await asyncio.gather(*(_to_confirmed(store, order) for order in mine))
    events = await store.user_events("user-123")
    assert [e.user_seq for e in events] == list(range(1, 40 * 5 + 1))
    assert await store.user_seq("user-123") == 200 and await store.user_seq("nobody") == 0
    for order in mine:
        story = [e for e in events if e.order_id == order.id]
        assert [e.seq for e in story] == [1, 2, 3, 4, 5], "the user sees a story out of order"
    assert await store.user_events("user-123", since=198) == events[198:]
    assert await store.user_events("user-123", since=10, limit=5) == events[10:15]


async def events_are_read_from_anywhere(store: OrderStore) -> None:
    """`since` and `limit` cut the story; an unknown order has none."""
    order = await _to_confirmed(store, await _place(store))
    story = await store.events(order.id)
    assert await store.events(order.id, since=2) == story[2:]
    assert await store.events(order.id, since=1, limit=2) == story[1:3]
    assert await store.events(order.id, since=99) == []
    assert await store.events(samples.order_id(99)) == []


async def last_numbers_are_told_of_many_at_once(store: OrderStore) -> None:
    """Where stories have come to is asked for thousands in one question; ids of nobody do no harm."""
    first, second = await _place(store, 1), await _place(store, 2)
    other, event = new_order(3, samples.request(user_id="ünïcode 用户"))
    await store.place(other, event)
    await _to_confirmed(store, second)
    unknown = [samples.order_id(n) for n in range(100, 3_000)]
    odd = [OrderId(name) for name in ("", "no-uuid", "' OR 1=1 --", "\0", "\ud800", "x" * 10_000)]
    asked = [first.id, *unknown, *odd, second.id, first.id, other.id]
    assert await store.seqs(asked) == {first.id: 1, second.id: 5, other.id: 1}
    nobody = [f"user-{n}" for n in range(1_000, 3_000)]
    expected = dict.fromkeys(nobody, 0) | {"user-123": 6, "ünïcode 用户": 1}
    assert await store.user_seqs([*nobody, "user-123", "ünïcode 用户", "user-123"]) == expected
    assert await store.seqs([]) == {} and await store.user_seqs([]) == {}


async def pages_are_newest_first(store: OrderStore) -> None:
    """Pages neither overlap nor miss, and the total counts all of the user's."""
    placed = [await store.place(*new_order(n, now=Millis(NOW + n // 2))) for n in range(7)]
    await store.place(*new_order(99, samples.request(user_id="other")))
    await store.commit(samples.started(placed[0][0]))
    pages = [await store.page("user-123", 3, offset) for offset in (0, 3, 6, 9)]
    assert [p.total for p in pages] == [7, 7, 7, 7]
    assert [len(p.orders) for p in pages] == [3, 3, 1, 0]
    keys = [(o.created_at, o.id) for p in pages for o in p.orders]
    assert keys == sorted(keys, reverse=True) and len(set(keys)) == 7


async def counts_follow_the_orders(store: OrderStore) -> None:
    """Each order is counted where it stands."""
    orders = [await _place(store, n) for n in range(6)]
    await store.commit(samples.started(orders[1]))
    submitted = await _to_submitted(store, orders[2])
    assert submitted.attempt is not None
    await store.commit(to.flag(submitted.order, submitted.attempt, "pruned", NOW, NOW))
    await _to_confirmed(store, orders[3])
    gone = Cancelled("the user cancelled the order")
    await store.commit(to.cancel(orders[4], None, gone, NOW))
    again = await _to_submitted(store, orders[5])
    assert again.attempt is not None
    await store.commit(samples.retried(again.order, again.attempt))
    counts = await store.counts(NOW)
    assert (counts.waiting, counts.delayed, counts.active) == (1, 1, 2), counts
    assert (counts.completed, counts.failed, counts.attention) == (1, 1, 1), counts
    later = await store.counts(Millis(NOW + 60_000))
    assert (later.waiting, later.delayed) == (2, 0), later


async def what_is_not_there_is_said_so(store: OrderStore) -> None:
    """Ids that name nothing, sane or not, are refused without harm."""
    for name in (samples.order_id(5), "", "no-uuid", "' OR 1=1 --", "\0", "\ud800", "٣", "x" * 10_000):
        await raises(OrderNotFound, store.get(OrderId(name)))
        assert await store.attempt(OrderId(name), 1) is None
        assert await store.executions(OrderId(name)) == []
        assert await store.events(OrderId(name)) == []
    await raises(OrderNotFound, store.commit(samples.started(new_order(6)[0])))
    await store.ping()


async def users_with_impossible_names_have_nothing(store: OrderStore) -> None:
    """What can't be stored has no orders, or is refused; nobody else who is asked about suffers for it."""
    await _place(store)
    for name in ("\0", "a\0b", "\ud800"):
        assert await store.user_seqs([name, "user-123"]) == {name: 0, "user-123": 1}
        with suppress(StoreError):
            assert await store.user_seq(name) == 0
        with suppress(StoreError):
            assert await store.user_events(name) == []
        with suppress(StoreError):
            assert await store.page(name, 10, 0) == OrderPage(orders=(), total=0)
        with suppress(StoreError):
            assert await store.replay(evolve(KEY, user_id=name)) is None
    await store.ping()


async def a_cancelled_caller_leaves_the_store_whole(store: OrderStore) -> None:
    """A commit whose caller is gone is written whole or not at all, and the store goes on."""
    order = await _place(store)
    task = asyncio.create_task(store.commit(samples.started(order)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await _place(store, 2)
    assert (await check_order(store, order.id)).status in (Status.PENDING, Status.ROUTING)


CHECKS: Final[tuple[Callable[[OrderStore], Awaitable[None]], ...]] = (
    what_is_placed_is_read_back,
    amounts_keep_every_unit,
    a_whole_story_folds_into_its_row,
    a_stale_version_writes_nothing,
    of_many_at_once_one_wins,
    a_second_live_signature_is_refused,
    a_signature_stands_for_one_attempt,
    a_dead_signature_makes_room,
    a_lease_changes_no_story,
    a_key_stands_for_one_order,
    what_is_due_is_claimed_once,
    what_has_ended_is_never_due,
    a_user_is_numbered_without_gaps,
    events_are_read_from_anywhere,
    last_numbers_are_told_of_many_at_once,
    pages_are_newest_first,
    counts_follow_the_orders,
    what_is_not_there_is_said_so,
    users_with_impossible_names_have_nothing,
    a_cancelled_caller_leaves_the_store_whole,
)
