"""What SQLite's store promises beyond the port's contract."""

import asyncio
import hashlib
import sqlite3
import threading
from contextlib import closing

import pytest
from attrs import evolve

from bestfill import transition as to
from bestfill.errors import Cancelled, Conflict, OrderNotFound, StoreError
from bestfill.order import IdempotencyKey, Order, Status
from bestfill.testing import samples
from bestfill.testing.invariants import check_order
from bestfill.testing.samples import NOW, new_order
from bestfill.units import U64_MAX, Millis, OrderId
from bestfill_adapters.sql.groups import GroupWriter
from bestfill_adapters.sql.sqlite import SqliteFile, SqliteStore
from tests.integration.sql.orders import advance, crowd, in_one_group, numbers, place

pytestmark = pytest.mark.anyio

KEY = IdempotencyKey(user_id="user-123", key="k", digest="d")


def rows(file: SqliteFile, query: str) -> list[tuple]:
    with closing(sqlite3.connect(file.path)) as connection:
        return connection.execute(query).fetchall()


async def test_a_crowd_leaves_whole_stories_and_a_gapless_stream_for_each_user(store):
    orders = await crowd(store, 200, users=3)
    for order in orders:
        assert await check_order(store, order.id) == order
    for user in range(3):
        stream = await store.user_events(f"user-{user}", limit=10_000)
        assert numbers(stream) == list(range(1, len(stream) + 1))
        assert await store.user_seq(f"user-{user}") == len(stream)
    counts = await store.counts(NOW)
    assert (counts.completed, counts.waiting, counts.active) == (200, 0, 0)


async def test_what_one_group_does_to_an_order_is_seen_by_the_rest_of_the_group(store):
    order, event = new_order()
    first = samples.started(order)
    second = samples.chosen(first.order, first.attempt)
    late = to.cancel(first.order, first.attempt, Cancelled("too late"), NOW)
    results = await in_one_group(
        store,
        store.place(order, event, KEY),
        store.commit(first),
        store.commit(second),
        store.commit(late),
        store.place(*new_order(2), KEY),
    )
    assert isinstance(results[3], Conflict)
    assert results[4][0].id == order.id and results[4][1] is None
    assert await check_order(store, order.id) == second.order
    assert numbers(await store.user_events("user-123")) == [1, 2, 3]
    counts = await store.counts(NOW)
    assert (counts.waiting, counts.active) == (0, 1)


async def test_a_claim_sees_what_its_group_did_before_and_is_seen_after(store):
    moved, other = await place(store, 1), new_order(2)
    lease = Millis(NOW + 9_000)
    results = await in_one_group(
        store,
        store.commit(to.hold(moved, lease)),
        store.place(*other),
        store.claim_due(NOW, lease, 10),
        store.commit(samples.started(other[0])),
        store.claim_due(NOW, lease, 10),
    )
    assert results[2] == [evolve(other[0], wake_at=lease, version=2)]
    assert isinstance(results[3], Conflict)
    assert results[4] == []
    assert await store.get(other[0].id) == results[2][0]


async def test_a_group_without_trouble_is_written_once(store, monkeypatch):
    def again(*_: object) -> None:
        raise AssertionError("the group was done again")

    monkeypatch.setattr(GroupWriter, "_apart", again)
    news = [new_order(n) for n in range(50)]
    await in_one_group(store, *(store.place(*new) for new in news))
    moves = [samples.started(order) for order, _ in news]
    moved = await in_one_group(store, *(store.commit(move) for move in moves))
    assert numbers(moved) == list(range(51, 101))


async def test_what_cannot_be_written_takes_no_neighbour_along(store):
    good = [new_order(n) for n in range(1, 4)]
    unspeakable = new_order(50, samples.request(user_id="\ud800"))
    too_late = new_order(51, ttl_ms=2**70)
    twice = evolve(good[0][0], user_id="thief"), evolve(good[0][1], user_id="thief")
    news = (*good[:2], unspeakable, too_late, twice, good[2])
    results = await in_one_group(store, *(store.place(*new) for new in news))
    assert [type(r) for r in results] == [tuple, tuple, StoreError, StoreError, StoreError, tuple], results
    for order, _ in good:
        assert await check_order(store, order.id) == order
    assert numbers(await store.user_events("user-123")) == [1, 2, 3]
    assert await store.user_seq("thief") == 0
    assert (await store.counts(NOW)).waiting == 3
    assert all(r.__cause__ is not None for r in results if isinstance(r, StoreError))


async def test_a_second_live_signature_spoils_neither_its_group_nor_the_counts(store):
    order = await place(store, 100)
    move = await advance(store, order, 3)
    rival = evolve(move.attempt, number=2, signed=samples.signed(order, salt=1))
    forged = evolve(to.retry(move.order, move.attempt, Cancelled("forged"), "abandoned", NOW, NOW), attempt=rival)
    others = [new_order(n) for n in range(20)]
    refused, *placed = await in_one_group(store, store.commit(forged), *(store.place(*new) for new in others))
    assert [order for order, _ in placed] == [order for order, _ in others]
    assert isinstance(refused, Conflict) and refused.reason == "the order has another live signature"
    assert isinstance(refused.__cause__, sqlite3.IntegrityError)
    assert await check_order(store, order.id) == move.order
    assert await store.executions(order.id) == [move.attempt]
    counts = await store.counts(NOW)
    assert (counts.waiting, counts.active) == (20, 1)


async def test_a_commit_for_no_order_says_so(store):
    order, _ = new_order()
    with pytest.raises(OrderNotFound):
        await store.commit(samples.started(order))
    with pytest.raises(OrderNotFound):
        await store.commit(samples.started(evolve(order, id=OrderId("\ud800"))))
    with pytest.raises(OrderNotFound):
        await store.get(OrderId("\ud800"))


async def test_amounts_are_stored_as_exact_text(store, file):
    asked = samples.request(amount_in=U64_MAX, min_amount_out=U64_MAX)
    await store.place(*new_order(asked=asked))
    assert rows(file, "SELECT typeof(amount_in), amount_in, min_amount_out FROM orders") == [
        ("text", str(U64_MAX), str(U64_MAX))
    ]


async def test_each_event_holds_the_hash_of_the_one_before(store, file):
    order = await place(store)
    await advance(store, order, 4)
    story = rows(file, "SELECT seq, status, attempt, timestamp, data, prev_hash FROM order_events ORDER BY seq")
    expected = bytes(32)
    for seq, status, attempt, timestamp, data, prev_hash in story:
        assert prev_hash == expected, f"the chain breaks at {seq}"
        told = f"{order.id}\n{seq}\n{status}\n{attempt}\n{timestamp}\n{data}"
        expected = hashlib.sha256(prev_hash + told.encode()).digest()
    assert rows(file, "SELECT event_hash FROM orders") == [(expected,)]


@pytest.mark.parametrize("number", [-(10**30), -1, 10**30])
async def test_positions_out_of_bounds_are_harmless(store, number):
    order = await place(store)
    everything = 0 if number > 0 else 1
    assert len(await store.events(order.id, since=number)) == everything
    assert len(await store.user_events("user-123", since=number)) == everything
    assert len(await store.events(order.id, limit=number)) == 1 - everything
    assert len((await store.page("user-123", number, 0)).orders) == 1 - everything
    assert len((await store.page("user-123", 10, number)).orders) == everything
    assert len(await store.claim_due(NOW, NOW, number)) == 1 - everything


async def test_orders_that_a_dead_process_had_in_hand_are_due_at_once_after_a_start(store, file):
    places = {n: await place(store, n) for n in range(7)}
    for n in (1, 2, 3):
        await advance(store, places[n], n)
    await advance(store, places[4], 4)
    await store.commit(to.hold(places[5], Millis(NOW + 9_000)))
    signed = await advance(store, places[6], 3)
    waiting = samples.retried(signed.order, signed.attempt, NOW)
    await store.commit(waiting)
    before = {n: await store.get(order.id) for n, order in places.items()}
    store.close()

    store.start(Millis(NOW + 1))
    try:
        for n in (1, 2, 3, 5):
            expected = evolve(before[n], wake_at=Millis(NOW + 1), version=before[n].version + 1)
            assert await store.get(places[n].id) == expected
        for n in (0, 4, 6):
            assert await store.get(places[n].id) == before[n], "nobody had it in hand"
        due = await store.claim_due(Millis(NOW + 1), Millis(NOW + 9_000), 100)
        assert {o.id for o in due} == {places[n].id for n in (0, 1, 2, 3, 5)}
    finally:
        store.close()


async def test_claims_take_the_longest_due_and_nothing_that_waits(store):
    retrying = await advance(store, await place(store, 1), 3)
    waiting = samples.retried(retrying.order, retrying.attempt, NOW)
    await store.commit(waiting)
    assert waiting.order.wake_at > NOW and waiting.order.status is Status.PENDING
    assert await store.claim_due(NOW, Millis(NOW + 9_000), 10) == []
    (claimed,) = await store.claim_due(waiting.order.wake_at, Millis(NOW + 9_000), 10)
    assert claimed.id == waiting.order.id
    with pytest.raises(Conflict):
        await store.commit(samples.started(waiting.order))


async def test_closing_finishes_what_is_queued_and_then_refuses(store, file):
    orders = [new_order(n) for n in range(300)]
    placing = [asyncio.ensure_future(store.place(*new)) for new in orders]
    await asyncio.sleep(0)
    store.close()
    await asyncio.gather(*placing)
    assert rows(file, "SELECT count(*) FROM orders") == [(300,)]
    for refused in (store.place(*new_order(999)), store.get(orders[0][0].id), store.ping()):
        with pytest.raises(StoreError, match="not open"):
            await refused
    store.close()


def test_threads_end_with_the_store(file):
    before = threading.active_count()
    store = SqliteStore(file)
    store.start()
    assert threading.active_count() == before + 2
    store.close()
    assert threading.active_count() == before


async def test_a_loop_that_is_gone_does_not_stop_the_writer(store):
    def abandon() -> Order:
        """Ask for a write, and close the loop before the answer comes."""
        loop = asyncio.new_event_loop()
        order, event = new_order(7)
        task = loop.create_task(store.place(order, event))
        loop.run_until_complete(asyncio.sleep(0))
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()
        return order

    order = await asyncio.to_thread(abandon)
    await place(store, 8)
    await check_order(store, order.id)


async def test_two_loops_may_share_a_store(store):
    orders = await asyncio.gather(*(asyncio.to_thread(asyncio.run, place(store, n)) for n in range(1, 9)))
    assert numbers(await store.user_events("user-123")) == list(range(1, 9))
    assert {o.id for o in (await store.page("user-123", 10, 0)).orders} == {o.id for o in orders}


async def test_a_row_that_cannot_be_read_does_not_keep_the_others_from_their_sweep(store, file, caplog):
    for number in range(3):
        await store.place(*new_order(number, now=Millis(NOW + number)))
    broken = samples.order_id(0)
    with file.lock, closing(sqlite3.connect(file.path, isolation_level=None)) as connection:
        connection.execute("UPDATE orders SET amount_in = '1500000000.0' WHERE id = ?", (broken,))
    lease = Millis(NOW + 10_000)
    claimed = await store.claim_due(Millis(NOW + 5), lease, 2)
    assert [order.id for order in claimed] == [samples.order_id(1)]
    assert broken in [record.order_id for record in caplog.records]
    claimed = await store.claim_due(Millis(NOW + 5), lease, 2)
    assert [order.id for order in claimed] == [samples.order_id(2)], "the broken one stands before it again"
