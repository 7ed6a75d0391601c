"""What PostgreSQL's store promises beyond the port's contract."""

import asyncio
import hashlib
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest
from attrs import evolve

from bestfill import transition as to
from bestfill.errors import Cancelled, Conflict, OrderNotFound, StoreError
from bestfill.order import IdempotencyKey
from bestfill.testing import samples
from bestfill.testing.invariants import check_order
from bestfill.testing.samples import NOW, new_order
from bestfill.units import U64_MAX, Millis, OrderId
from bestfill_adapters.sql.migrate import migrate
from bestfill_adapters.sql.postgres import PostgresStore, lane, reading
from bestfill_adapters.sql.postgres.moving import Moving
from bestfill_adapters.sql.postgres.session import ANSWER_S
from tests.integration.sql.orders import STEPS, advance, crowd, numbers, place

pytestmark = pytest.mark.anyio

KEY = IdempotencyKey(user_id="user-123", key="k", digest="d")


async def rows(url: str, query: str, *values: object) -> list[tuple]:
    async with raw(url) as connection:
        return [tuple(row) for row in await connection.fetch(query, *values)]


@asynccontextmanager
async def raw(url: str):
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def stores(url: str, count: int, **how: int):
    several = [PostgresStore(url, **how) for _ in range(count)]
    for store in several:
        await store.start()
    try:
        yield several
    finally:
        for store in several:
            await store.close()


async def until_waiting(url: str) -> None:
    """Return when some connection waits for another's lock."""
    async with raw(url) as connection, asyncio.timeout(10):
        while not await connection.fetch("SELECT 1 FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'bestfill'"


async def until_gone(url: str) -> None:
    """Return when no store is connected any more."""
    async with asyncio.timeout(10):
        while (await rows(url, CONNECTED))[0][0]:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def check_stream(store: PostgresStore, user_id: str) -> int:
    stream = await store.user_events(user_id, limit=100_000)
    assert numbers(stream) == list(range(1, len(stream) + 1)), f"{user_id}'s stream has gaps"
    assert await store.user_seq(user_id) == len(stream)
    return len(stream)


@pytest.mark.parametrize("users", [1, 3, 200])
async def test_a_crowd_leaves_whole_stories_and_a_gapless_stream_for_each_user(pg_store, users):
    orders = await crowd(pg_store, 200, users=users)
    for order in orders:
        assert await check_order(pg_store, order.id) == order
    assert sum([await check_stream(pg_store, f"user-{n}") for n in range(users)]) == 1_000
    counts = await pg_store.counts(NOW)
    assert (counts.completed, counts.waiting, counts.active) == (200, 0, 0)


@pytest.mark.parametrize("users", [1, 40])
async def test_of_several_processes_one_wins_each_version_and_none_waits_for_ever(postgres_url, users):
    async with stores(postgres_url, 4) as several:
        orders = [await place(several[n % 4], n, f"user-{n % users}") for n in range(40)]
        won = 0

        async def race(store: PostgresStore, order) -> None:
            nonlocal won
            move = samples.started(order)
            for step in (*STEPS, None):
                with suppress(Conflict):
                    await store.commit(move)
                    won += 1
                move = move if step is None else step(move.order, move.attempt)

        await asyncio.gather(*(race(store, order) for store in several for order in orders))
        assert won == 4 * len(orders), "a version was passed twice, or by nobody"
        for order in orders:
            assert (await check_order(several[0], order.id)).status == "confirmed"
        assert sum([await check_stream(several[1], f"user-{n}") for n in range(users)]) == 5 * len(orders)
        counts = await several[2].counts(NOW)
        assert (counts.completed, counts.waiting, counts.active) == (40, 0, 0)
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await rows(postgres_url, deadlocks) == [(0,)], "locks are not taken in one order"


async def test_a_version_that_changes_while_it_is_waited_for_is_not_passed(pg_store, postgres_url):
    """The statement has seen the old version before it waits; it must look again."""
    order = await place(pg_store)
    async with raw(postgres_url) as other:
        async with other.transaction():
            await other.execute("UPDATE orders SET version = version + 1 WHERE id = $1", order.id)
            late = asyncio.ensure_future(pg_store.commit(samples.started(order)))
            await until_waiting(postgres_url)
        with pytest.raises(Conflict):
            await late
    assert len(await pg_store.events(order.id)) == 1 and await pg_store.user_seq("user-123") == 1


async def test_a_version_that_is_undone_while_it_is_waited_for_is_passed(pg_store, postgres_url):
    order = await place(pg_store)
    async with raw(postgres_url) as other:
        undone = other.transaction()
        await undone.start()
        await other.execute("UPDATE orders SET version = version + 1 WHERE id = $1", order.id)
        late = asyncio.ensure_future(pg_store.commit(samples.started(order)))
        await until_waiting(postgres_url)
        await undone.rollback()
        assert (await late).seq == 2
    await check_order(pg_store, order.id)


async def test_processes_that_place_with_one_key_place_one_order(postgres_url):
    async with stores(postgres_url, 4) as several:
        news = [new_order(n) for n in range(80)]
        placed = await asyncio.gather(*(several[n % 4].place(*new, KEY) for n, new in enumerate(news)))
        assert len({order.id for order, _ in placed}) == 1
        assert sum(event is not None for _, event in placed) == 1
        with pytest.raises(Conflict):
            await several[0].place(*new_order(99), evolve(KEY, digest="other"))
        assert (await several[0].counts(NOW)).waiting == 1 and await several[0].user_seq("user-123") == 1


@pytest.mark.parametrize("commits", [True, False])
async def test_a_key_that_another_process_is_just_using_is_waited_for(pg_store, postgres_url, commits):
    before, mine = await place(pg_store, 1), new_order(2)
    async with raw(postgres_url) as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("INSERT INTO idempotency_keys VALUES ('user-123', 'k', 'd', $1, 0)", before.id)
        late = asyncio.ensure_future(pg_store.place(*mine, KEY))
        await until_waiting(postgres_url)
        await (transaction.commit() if commits else transaction.rollback())
        order, event = await late
    assert (order, event is None) == ((before, True) if commits else (mine[0], False))
    assert (await pg_store.page("user-123", 10, 0)).total == (1 if commits else 2)


async def test_the_very_same_order_with_its_key_is_placed_once(pg_store):
    new = new_order(1)
    await pg_store.place(*new, KEY)
    assert await pg_store.place(*new, KEY) == (new[0], None)
    with pytest.raises(StoreError):
        await pg_store.place(*new)
    await check_order(pg_store, new[0].id)


async def in_one_group(store: PostgresStore, *calls):
    """Have all of these done together; give their results or errors."""
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_what_cannot_be_written_takes_no_neighbour_along(pg_store):
    good = [new_order(n) for n in range(1, 4)]
    unspeakable = new_order(50, samples.request(user_id="\ud800"))
    nul = new_order(52, samples.request(user_id="a\0b"))
    too_late = new_order(51, ttl_ms=2**70)
    twice = evolve(good[0][0], user_id="thief"), evolve(good[0][1], user_id="thief")
    no_text = evolve(new_order(53)[0], tx_hash=7), new_order(53)[1]
    too_long = new_order(54, samples.request(user_id="".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(5_000))))
    news = (*good[:2], unspeakable, nul, too_late, no_text, too_long, good[2])
    results = await in_one_group(pg_store, *(pg_store.place(*new) for new in news))
    assert [type(r) is tuple for r in results] == [True, True, *[False] * 5, True], results
    assert all(isinstance(r, StoreError) for r in results[2:7])
    with pytest.raises(StoreError):
        await pg_store.place(*twice)
    for order, _ in good:
        assert await check_order(pg_store, order.id) == order
    assert await check_stream(pg_store, "user-123") == 3
    assert await pg_store.user_seq("thief") == 0
    assert (await pg_store.counts(NOW)).waiting == 3


@pytest.mark.parametrize("stuck", ["order", "user"])
async def test_a_row_that_a_stranger_has_locked_holds_up_no_other_and_is_waited_for(postgres_url, monkeypatch, stuck):
    monkeypatch.setattr("bestfill_adapters.sql.postgres.store.LOCK_MS", 20)
    monkeypatch.setattr("bestfill_adapters.sql.postgres.store.CALL_S", 60.0)
    monkeypatch.setattr(lane, "_PATIENCE_S", 60.0)
    async with stores(postgres_url, 1) as (store,), raw(postgres_url) as other:
        orders = [await place(store, n, f"user-{n}") for n in range(40)]
        async with other.transaction():
            if stuck == "order":
                await other.execute("SELECT 1 FROM orders WHERE id = $1 FOR UPDATE", orders[7].id)
                calls = [store.commit(samples.started(order)) for order in orders]
            else:
                await other.execute("SELECT 1 FROM user_streams WHERE user_id = 'user-7' FOR UPDATE")
                news = [new_order(100 + n, samples.request(user_id=f"user-{n}")) for n in range(40)]
                calls = [store.place(*new) for new in news]
            waiting = [asyncio.ensure_future(call) for call in calls]
            async with asyncio.timeout(10):
                await asyncio.gather(*waiting[:7], *waiting[8:])
            assert not waiting[7].done()
        await waiting[7]
        assert [await check_stream(store, f"user-{n}") for n in range(40)] == [2] * 40


async def test_many_that_wait_for_one_lock_are_not_tried_one_by_one_for_ever(postgres_url, monkeypatch):
    monkeypatch.setattr("bestfill_adapters.sql.postgres.store.LOCK_MS", 20)
    monkeypatch.setattr(lane, "_PATIENCE_S", 0.0)
    asked, write = [], Moving.write

    async def counted(*how):
        asked.append(how)
        return await write(*how)

    monkeypatch.setattr(Moving, "write", counted)
    async with stores(postgres_url, 1) as (store,), raw(postgres_url) as other:
        orders = [await place(store, n) for n in range(40)]
        async with other.transaction():
            await other.execute("LOCK TABLE user_streams")
            moves = [store.commit(samples.started(order)) for order in orders]
            results = await asyncio.gather(*moves, return_exceptions=True)
        assert all(isinstance(result, StoreError) for result in results)
        assert len(asked) == 1


async def test_the_server_gives_up_a_statement_before_its_client_does(pg_store):
    """Then it is known that it was not done, and nobody's locks outlive whoever waits for them."""
    limits = (
        "SELECT name, setting::int / 1000.0::float FROM pg_settings WHERE name IN ('lock_timeout', 'statement_timeout')"
    )
    for session in (pg_store._placing._session, pg_store._moving._session, *pg_store._readers._sessions):
        limit = dict(await session.fetch(limits))
        assert 0 < limit["lock_timeout"] < limit["statement_timeout"] < ANSWER_S
    limit = dict(await pg_store._moving._session.fetch(limits))
    assert limit["lock_timeout"] <= 0.25, "one stuck row holds up its neighbours for too long"


async def test_an_unreadable_order_behind_a_key_harms_no_neighbour(pg_store, postgres_url):
    keys = [evolve(KEY, key=f"k{n}") for n in range(3)]
    before = [(await pg_store.place(*new_order(n), key))[0] for n, key in enumerate(keys)]
    await rows(postgres_url, "UPDATE orders SET error_code = 'NO_SUCH_CODE' WHERE id = $1", before[0].id)
    again = [pg_store.place(*new_order(10 + n), key) for n, key in enumerate(keys)]
    results = await in_one_group(pg_store, *again)
    assert isinstance(results[0], StoreError) and "can't be read" in results[0].reason
    assert results[1:] == [(order, None) for order in before[1:]]


async def test_text_and_bytes_come_back_as_they_were(pg_store):
    odd = '{"\\,\n\t\x01\x7f NULL null \u2028 ünï 用户 \U0001f600}'
    order, event = new_order(1, samples.request(user_id=odd))
    await pg_store.place(order, event, IdempotencyKey(user_id=odd, key='"', digest="\\"))
    move = await advance(pg_store, order, 2)
    signed = samples.submitted(move.order, evolve(move.attempt, venue='"NULL"'))
    swap = evolve(signed.attempt.signed, transaction=bytes(range(256)) * 20, blockhash='\\"{},')
    await pg_store.commit(evolve(signed, attempt=evolve(signed.attempt, signed=swap)))
    assert await pg_store.attempt(order.id, 1) == evolve(signed.attempt, signed=swap)
    assert (await pg_store.get(order.id)).user_id == odd
    assert await check_stream(pg_store, odd) == 4
    assert await pg_store.replay(IdempotencyKey(user_id=odd, key='"', digest="\\")) == signed.order
    assert await pg_store.user_seqs([odd]) == {odd: 4}


async def test_a_second_live_signature_spoils_neither_its_group_nor_the_counts(pg_store):
    order = await place(pg_store, 100)
    move = await advance(pg_store, order, 3)
    rival = evolve(move.attempt, number=2, signed=samples.signed(order, salt=1))
    forged = evolve(to.retry(move.order, move.attempt, Cancelled("forged"), "abandoned", NOW, NOW), attempt=rival)
    others = [await place(pg_store, n) for n in range(20)]
    moves = [samples.started(other) for other in others]
    results = await in_one_group(pg_store, *(pg_store.commit(m) for m in (*moves[:10], forged, *moves[10:])))
    refused = results.pop(10)
    assert isinstance(refused, Conflict) and refused.reason == "the order has another live signature"
    assert [event.seq for event in results] == [2] * 20
    assert await check_order(pg_store, order.id) == move.order
    assert await pg_store.executions(order.id) == [move.attempt]
    assert await pg_store.failures(order.id) == []
    counts = await pg_store.counts(NOW)
    assert (counts.waiting, counts.active) == (0, 21)
    await check_stream(pg_store, "user-123")


async def test_a_deadlock_with_a_stranger_is_survived(pg_store, postgres_url):
    """Locks of others are not ours to order; whoever the database picks, the write is not lost."""
    first, second = sorted([await place(pg_store, 1), await place(pg_store, 2)], key=lambda o: o.id)
    async with raw(postgres_url) as other:
        with suppress(asyncpg.DeadlockDetectedError):
            async with other.transaction():
                await other.execute("SELECT 1 FROM orders WHERE id = $1 FOR UPDATE", second.id)
                both = asyncio.gather(*(pg_store.commit(samples.started(o)) for o in (first, second)))
                await until_waiting(postgres_url)
                await other.execute("SELECT 1 FROM orders WHERE id = $1 FOR UPDATE", first.id)
        assert [event.seq for event in await both] == [2, 2]


@pytest.mark.parametrize("held", ["orders", "users", "keys"])
async def test_locks_are_taken_in_one_order_so_that_no_two_processes_wait_for_each_other(pg_store, postgres_url, held):
    """Whoever waits for the first of them must not have any that comes after it."""
    users = [f"user-{n}" for n in range(8)]
    orders = [await place(pg_store, n, user) for n, user in enumerate(users)]
    orders.sort(key=lambda order: order.id)
    first, *rest = orders
    calls = [pg_store.commit(samples.started(order)) for order in orders[::-1]]
    async with raw(postgres_url) as other, raw(postgres_url) as third:
        async with other.transaction():
            if held == "orders":
                await other.execute("SELECT 1 FROM orders WHERE id = $1 FOR UPDATE", first.id)
            elif held == "users":
                await other.execute("SELECT 1 FROM user_streams WHERE user_id = 'user-0' FOR UPDATE")
            else:
                await other.execute("INSERT INTO idempotency_keys VALUES ('user-0', 'k', 'd', $1, 0)", first.id)
                for call in calls:
                    call.close()
                keys = [IdempotencyKey(user_id=user, key="k", digest="d") for user in users]
                news = [new_order(100 + n, samples.request(user_id=user)) for n, user in enumerate(users)]
                calls = [pg_store.place(*new, key) for new, key in zip(news[::-1], keys[::-1], strict=True)]
            writing = asyncio.gather(*calls)
            await until_waiting(postgres_url)
            if held == "orders":
                await third.execute(
                    "SELECT 1 FROM orders WHERE id = ANY($1) FOR UPDATE NOWAIT", [order.id for order in rest]
                )
            if held == "keys":
                await third.execute("SET lock_timeout = '200ms'")
                ids = [order.id for order in orders[1:]]
                await third.execute(
                    "INSERT INTO idempotency_keys SELECT 'user-' || n, 'k', 'd', ($1::uuid[])[n], 0"
                    " FROM generate_series(1, 7) AS n", ids
                )  # fmt: skip
            skip = "user-0" if held == "users" else ""
            await third.execute("SELECT 1 FROM user_streams WHERE user_id <> $1 FOR UPDATE NOWAIT", skip)
        assert len(await writing) == len(users)


async def test_an_event_that_is_not_of_its_row_is_refused(pg_store):
    order, event = new_order()
    with pytest.raises(StoreError, match="is not what the order's row tells"):
        await pg_store.place(order, evolve(event, timestamp=Millis(NOW + 1)))
    await pg_store.place(order, event)
    move = samples.started(order)
    with pytest.raises(StoreError, match="is not what the order's row tells"):
        await pg_store.commit(evolve(move, event=evolve(move.event, seq=3)))
    assert await check_order(pg_store, order.id) == order


async def test_a_commit_for_no_order_says_so(pg_store):
    order, _ = new_order()
    with pytest.raises(OrderNotFound):
        await pg_store.commit(samples.started(order))
    with pytest.raises(OrderNotFound):
        await pg_store.get(OrderId("\ud800"))


async def test_amounts_are_stored_as_exact_numbers(pg_store, postgres_url):
    asked = samples.request(amount_in=U64_MAX, min_amount_out=U64_MAX)
    await pg_store.place(*new_order(asked=asked))
    assert await rows(postgres_url, "SELECT amount_in::text, min_amount_out::text FROM orders") == [
        (str(U64_MAX), str(U64_MAX))
    ]


async def test_each_event_holds_the_hash_of_the_one_before(pg_store, postgres_url):
    order = await place(pg_store, user_id="ünï 用户")
    await advance(pg_store, order, 4)
    story = await rows(
        postgres_url, "SELECT seq, status, attempt, timestamp, data, prev_hash FROM order_events ORDER BY seq"
    )
    expected = bytes(32)
    for seq, status, attempt, timestamp, data, prev_hash in story:
        assert prev_hash == expected, f"the chain breaks at {seq}"
        told = f"{order.id}\n{seq}\n{status}\n{attempt}\n{timestamp}\n{data}"
        expected = hashlib.sha256(prev_hash + told.encode()).digest()
    assert await rows(postgres_url, "SELECT event_hash FROM orders") == [(expected,)]


@pytest.mark.parametrize("number", [-(10**30), -1, 10**30])
async def test_positions_out_of_bounds_are_harmless(pg_store, number):
    order = await place(pg_store)
    everything = 0 if number > 0 else 1
    assert len(await pg_store.events(order.id, since=number)) == everything
    assert len(await pg_store.user_events("user-123", since=number)) == everything
    assert len(await pg_store.events(order.id, limit=number)) == 1 - everything
    assert len((await pg_store.page("user-123", number, 0)).orders) == 1 - everything
    page = await pg_store.page("user-123", 10, number)
    assert (len(page.orders), page.total) == (everything, 1)
    assert len(await pg_store.claim_due(NOW, NOW, number)) == 1 - everything


async def test_a_claim_passes_over_what_others_are_at(pg_store, postgres_url):
    orders = [(await pg_store.place(*new_order(n, now=Millis(NOW + n))))[0] for n in range(3)]
    lease = Millis(NOW + 10_000)
    async with raw(postgres_url) as other, other.transaction():
        await other.execute("SELECT 1 FROM orders WHERE id = $1 FOR UPDATE", orders[0].id)
        claimed = await pg_store.claim_due(Millis(NOW + 5), lease, 10)
    assert [o.id for o in claimed] == [orders[1].id, orders[2].id]
    assert [o.id for o in await pg_store.claim_due(Millis(NOW + 5), lease, 10)] == [orders[0].id]


async def test_a_row_that_cannot_be_read_does_not_keep_the_others_from_their_sweep(pg_store, postgres_url, caplog):
    for number in range(3):
        await pg_store.place(*new_order(number, now=Millis(NOW + number)))
    broken = samples.order_id(0)
    await rows(postgres_url, "UPDATE orders SET error_code = 'NO_SUCH_CODE' WHERE id = $1", broken)
    lease = Millis(NOW + 10_000)
    claimed = await pg_store.claim_due(Millis(NOW + 5), lease, 2)
    assert [order.id for order in claimed] == [samples.order_id(1)]
    assert broken in [record.order_id for record in caplog.records]
    assert [order.id for order in await pg_store.claim_due(Millis(NOW + 5), lease, 2)] == [samples.order_id(2)]
    found = await asyncio.gather(*(pg_store.get(samples.order_id(n)) for n in range(3)), return_exceptions=True)
    assert isinstance(found[0], StoreError) and [o.id for o in found[1:]] == [samples.order_id(n) for n in (1, 2)]


async def test_closing_finishes_what_waits_and_then_refuses(postgres_url):
    store = PostgresStore(postgres_url)
    await store.start()
    orders = [new_order(n) for n in range(2 * lane.LARGEST + 10)]
    placing = [asyncio.ensure_future(store.place(*new)) for new in orders]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*placing)
    assert await rows(postgres_url, "SELECT count(*) FROM orders") == [(len(orders),)]
    for refused in (store.place(*new_order(999)), store.get(orders[0][0].id), store.ping()):
        with pytest.raises(StoreError, match="not open"):
            await refused


async def test_closing_does_not_wait_for_those_who_have_given_up(postgres_url):
    store = PostgresStore(postgres_url)
    await store.start()
    async with raw(postgres_url) as other:
        async with other.transaction():
            await other.execute("LOCK TABLE user_streams")
            in_hand = asyncio.ensure_future(store.place(*new_order(1)))
            await until_waiting(postgres_url)
            behind = asyncio.ensure_future(store.place(*new_order(2)))
            await asyncio.sleep(0)
            behind.cancel()
            closing = asyncio.ensure_future(store.close())
            await asyncio.wait([behind])
        async with asyncio.timeout(10):
            await closing
        await in_hand
    assert await rows(postgres_url, "SELECT id::text FROM orders") == [(new_order(1)[0].id,)]


async def test_closing_waits_for_those_who_read(postgres_url):
    store = PostgresStore(postgres_url, readers=1)
    await store.start()
    order = await place(store)
    async with raw(postgres_url) as other:
        async with other.transaction():
            await other.execute("LOCK TABLE order_events")
            reading = [asyncio.ensure_future(store.events(order.id)) for _ in range(2)]
            await until_waiting(postgres_url)
            closing = asyncio.ensure_future(store.close())
            await asyncio.sleep(0)
        await closing
    await until_gone(postgres_url)
    assert [len(events) for events in await asyncio.gather(*reading)] == [1, 1]


async def test_connections_are_few_and_end_with_the_store(postgres_url):
    store = PostgresStore(postgres_url, readers=3)
    await store.start()
    orders = await crowd(store, 300, users=9)
    await asyncio.gather(*(store.events(order.id) for order in orders), *(store.get(order.id) for order in orders))
    assert (await rows(postgres_url, CONNECTED))[0][0] <= 6
    await store.close()
    await until_gone(postgres_url)


async def test_whoever_waits_too_long_for_a_connection_is_told(postgres_url, monkeypatch):
    async with stores(postgres_url, 1, readers=1) as (store,), raw(postgres_url) as other:
        async with other.transaction():
            await other.execute("LOCK TABLE order_events")
            held = asyncio.ensure_future(store.events(samples.order_id(1)))
            await until_waiting(postgres_url)
            monkeypatch.setattr(reading, "CALL_S", 0.05)
            with pytest.raises(StoreError, match="all connections"):
                await store.ping()
        assert await held == []
        monkeypatch.undo()
        await store.ping()


async def test_a_cancelled_reader_harms_no_other(postgres_url):
    async with stores(postgres_url, 1, readers=1) as (store,), raw(postgres_url) as other:
        order = await place(store)
        async with other.transaction():
            await other.execute("LOCK TABLE order_events")
            tasks = [asyncio.ensure_future(store.events(order.id)) for _ in range(3)]
            await until_waiting(postgres_url)
            for task in tasks[:2]:
                task.cancel()
            await asyncio.wait(tasks[:2])
        assert len(await tasks[2]) == 1
        assert len(await store.events(order.id)) == 1


async def test_a_database_that_is_not_migrated_is_refused(database_url, postgres_url):
    await rows(postgres_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"the database has 9999: run \./dev migrate, or the release"):
        await PostgresStore(postgres_url).start()
    await rows(postgres_url, "DROP TABLE alembic_version")
    with pytest.raises(StoreError, match=r"no tables yet: run \./dev migrate"):
        await PostgresStore(postgres_url).start()


@pytest.mark.parametrize(
    "url", ["postgresql://u:s3cret@[bad", "postgresql://u:s3cret@127.0.0.1:1/x", "mysql://u:s3cret@h/x"]
)
async def test_an_address_that_does_not_do_is_told_without_its_password(url, monkeypatch):
    monkeypatch.setattr("bestfill_adapters.sql.postgres.session.REACH_S", 0.1)
    with pytest.raises(StoreError) as refused:
        await PostgresStore(url).start()
    assert "s3cret" not in str(refused.value) and "s3cret" not in repr(refused.value.__cause__)
    with pytest.raises(StoreError) as refused:
        migrate(url)
    assert "s3cret" not in str(refused.value) and "s3cret" not in repr(refused.value.__cause__)
