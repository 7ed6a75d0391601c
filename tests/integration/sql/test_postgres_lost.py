"""Whatever becomes of the connection or the server: what is acknowledged is there, and nothing is written twice."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest
from attrs import evolve

from bestfill import transition as to
from bestfill.engine import Engine
from bestfill.engine.engine import CANCEL_S
from bestfill.errors import Cancelled, Conflict, StoreError
from bestfill.order import IdempotencyKey, Order
from bestfill.policy import ExecutionPolicy
from bestfill.ports import OrderStore
from bestfill.testing import samples
from bestfill.testing.clock import ManualClock, SeededEntropy
from bestfill.testing.fakes import FakeNetwork, FakeNotifier, FakeQueue, FakeVenue
from bestfill.testing.invariants import check_order
from bestfill.testing.samples import NOW, new_order
from bestfill.units import Millis
from bestfill_adapters.sql.postgres import PostgresStore
from bestfill_adapters.sql.postgres.session import CALL_S
from tests.integration.sql.orders import STEPS, advance, place
from tests.integration.sql.proxy import Proxy
from tests.integration.sql.test_postgres_store import check_stream, raw, stores, until_waiting
from tools.servers import Postgres

pytestmark = pytest.mark.anyio

KEY = IdempotencyKey(user_id="user-123", key="k", digest="d")


@pytest.fixture
async def proxy(postgres_url):
    async with Proxy(postgres_url) as proxy:
        yield proxy


@pytest.fixture
async def far(proxy):
    """Give a store behind the proxy whose connections are open."""
    async with stores(proxy.url, 1, readers=1) as (store,):
        order = await place(store, 1_000, "first")
        await store.commit(samples.started(order))
        yield store


@pytest.mark.parametrize("fate", ["lose_answers", "hold_requests"])
@pytest.mark.parametrize("key", [None, KEY], ids=["no key", "key"])
async def test_orders_whose_placing_is_in_doubt_are_placed_once(far, proxy, fate, key):
    getattr(proxy, fate)()
    news = [new_order(n) for n in range(20)]
    keys = [key and evolve(key, key=f"k{n}") for n in range(20)]
    placed = await asyncio.gather(*(far.place(*new, k) for new, k in zip(news, keys, strict=True)))
    assert proxy.happened.is_set()
    await proxy.deliver()
    assert [order for order, _ in placed] == [order for order, _ in news]
    events = {event.order_id: event for _, event in placed}
    assert await far.user_events("user-123") == sorted(events.values(), key=lambda e: e.user_seq)
    await whole(far, [order for order, _ in news])
    assert (await far.counts(NOW)).waiting == 20
    if key:
        again = await asyncio.gather(*(far.place(*new_order(100 + n), k) for n, k in enumerate(keys)))
        assert again == [(order, None) for order, _ in news]


@pytest.mark.parametrize("fate", ["lose_answers", "hold_requests"])
async def test_moves_that_are_in_doubt_are_made_once(far, proxy, fate):
    orders = [await place(far, n) for n in range(20)]
    moves = [samples.started(order) if n % 2 else to.hold(order, Millis(NOW + 7)) for n, order in enumerate(orders)]
    getattr(proxy, fate)()
    events = await asyncio.gather(*(far.commit(move) for move in moves))
    assert proxy.happened.is_set()
    await proxy.deliver()
    assert [event is not None for event in events] == [n % 2 == 1 for n in range(20)]
    for move, event in zip(moves, events, strict=True):
        assert await check_order(far, move.order.id) == move.order
        assert event is None or event == (await far.events(move.order.id))[-1]
    await whole(far, orders)
    counts = await far.counts(NOW)
    assert (counts.waiting, counts.active) == (10, 11)


@pytest.mark.parametrize("fate", ["lose_answers", "hold_requests"])
async def test_who_comes_too_late_is_told_so_in_doubt_too(far, proxy, postgres_url, fate):
    order = await place(far)
    first = samples.started(order)
    async with stores(postgres_url, 1) as (near,):
        await near.commit(first)
    late = to.cancel(order, None, Cancelled("too late"), NOW)
    getattr(proxy, fate)()
    results = await asyncio.gather(
        far.commit(late), far.commit(samples.started(new_order(5)[0])), return_exceptions=True
    )
    await proxy.deliver()
    assert [type(r).__name__ for r in results] == ["Conflict", "OrderNotFound"]
    assert await check_order(far, order.id) == first.order


@pytest.mark.parametrize("silent", [False, True])
async def test_of_two_stores_that_make_the_same_move_one_has_made_it(far, proxy, postgres_url, silent):
    """Only their leases differ, and one of them is in doubt."""
    order = await place(far)
    move = to.hold(order, Millis(NOW + 7)) if silent else samples.started(order)
    other = evolve(move, order=evolve(move.order, wake_at=Millis(move.order.wake_at + 1)))
    async with stores(postgres_url, 1) as (near,):
        await near.commit(other)
    proxy.lose_answers()
    with pytest.raises(Conflict):
        await far.commit(move)
    assert proxy.happened.is_set()
    assert await check_order(far, order.id) == other.order


async def test_a_key_that_another_takes_meanwhile_stands_for_the_other_order_in_doubt_too(far, proxy, postgres_url):
    other, mine = await place(far, 9), new_order(1)
    async with raw(postgres_url) as rival:
        async with rival.transaction():
            await rival.execute("INSERT INTO idempotency_keys VALUES ('user-123', 'k', 'd', $1, 0)", other.id)
            proxy.hold_requests()
            placing = asyncio.ensure_future(far.place(*mine, KEY))
            await proxy.happened.wait()
            await until_waiting(postgres_url)
        assert await placing == (other, None)
    await proxy.deliver()
    assert await far.events(mine[0].id) == []


async def test_a_signature_that_is_refused_is_told_so_in_doubt_too(far, proxy):
    order = await place(far)
    move = await advance(far, order, 3)
    rival = evolve(move.attempt, number=2, signed=samples.signed(order, salt=1))
    forged = evolve(to.retry(move.order, move.attempt, Cancelled("forged"), "abandoned", NOW, NOW), attempt=rival)
    neighbour = samples.started(await place(far, 2))
    proxy.hold_requests()
    results = await asyncio.gather(far.commit(forged), far.commit(neighbour), return_exceptions=True)
    await proxy.deliver()
    assert isinstance(results[0], Conflict) and results[1].seq == 2
    await whole(far, [order, neighbour.order])


async def test_an_answer_that_never_comes_is_not_waited_for(far, proxy, monkeypatch, postgres_url):
    order = await place(far)
    monkeypatch.setattr("bestfill_adapters.sql.postgres.session.ANSWER_S", 0.2)
    async with raw(postgres_url) as other, other.transaction():
        await other.execute("SELECT 1 FROM orders WHERE id = $1 FOR UPDATE", order.id)
        moving = asyncio.ensure_future(far.commit(samples.started(order)))
        async with asyncio.timeout(10):
            with pytest.raises(StoreError):
                await moving
    monkeypatch.undo()
    assert (await check_order(far, order.id)).status in ("pending", "routing")


async def test_who_places_does_not_wait_for_a_server_that_hangs(far, postgres_url, monkeypatch):
    monkeypatch.setattr("bestfill_adapters.sql.postgres.store.CALL_S", 0.1)
    async with raw(postgres_url) as other, other.transaction():
        await other.execute("LOCK TABLE user_streams")
        with pytest.raises(StoreError, match="does not answer"):
            await far.place(*new_order(1))
        waiting = new_order(2)
        with pytest.raises(StoreError, match="does not answer"):
            await far.place(*waiting)
    monkeypatch.undo()
    await far.place(*new_order(3))
    assert await far.events(waiting[0].id) == [], "who had given up is not placed any more"
    await check_stream(far, "user-123")


def freeze(server: Postgres) -> Callable[[], None]:
    """Stop all of a server's processes where they are; give what lets them go on."""
    main = psutil.Process(server.pid)
    processes = [main, *main.children(recursive=True)]
    for process in processes:
        process.suspend()

    def thaw() -> None:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()

    return thaw


def stop(server: Postgres) -> Callable[[], None]:
    server.stop()
    return server.start


@pytest.mark.parametrize("trouble", [freeze, stop])
async def test_no_client_waits_for_a_server_that_does_not_answer(pg_store, postgres, monkeypatch, trouble):
    """Each call has one limit for all that it waits for, however many callers there are."""
    assert max(CALL_S, CANCEL_S) < 2, "a client is to have its answer within 2 s"
    for name in ("session.ANSWER_S", "session.REACH_S", "lane.REACH_S"):
        monkeypatch.setattr(f"bestfill_adapters.sql.postgres.{name}", 60.0)
    order = await place(pg_store)
    engine = desk(pg_store)
    again = trouble(postgres)
    try:
        for name in ("bestfill_adapters.sql.postgres.store.CALL_S", "bestfill_adapters.sql.postgres.reading.CALL_S",
                     "bestfill.engine.engine.CANCEL_S"):  # fmt: skip
            monkeypatch.setattr(name, 0.2)
        calls = [
            call
            for n in range(10)
            for call in (
                pg_store.place(*new_order(n + 10)),
                pg_store.get(order.id),
                pg_store.replay(KEY),
                pg_store.events(order.id),
                pg_store.ping(),
                engine.cancel(order.id),
            )
        ]
        async with asyncio.timeout(20):
            results = await asyncio.gather(*calls, return_exceptions=True)
    finally:
        again()
    assert all(isinstance(r, StoreError) for r in results), results
    monkeypatch.undo()
    assert (await check_order(pg_store, order.id)) == order
    await pg_store.commit(samples.started(order))
    await place(pg_store, 2)


async def test_a_cancel_whose_commit_does_not_answer_is_told_in_time_and_may_be_asked_again(
    pg_store, postgres_url, monkeypatch
):
    order, engine = await place(pg_store), desk(pg_store)
    async with raw(postgres_url) as other, other.transaction():
        await other.execute("SELECT 1 FROM orders WHERE id = $1 FOR UPDATE", order.id)
        with monkeypatch.context() as impatient:
            impatient.setattr("bestfill.engine.engine.CANCEL_S", 0.1)
            impatient.setattr("bestfill_adapters.sql.postgres.lane._PATIENCE_S", 60.0)
            with pytest.raises(StoreError, match="not known"):
                await engine.cancel(order.id)
    with suppress(Conflict):  # it may have been done meanwhile
        await engine.cancel(order.id)
    assert (await check_order(pg_store, order.id)).error_code == "CANCELLED"


def desk(store: PostgresStore) -> Engine:
    return Engine(
        store=store,
        queue=FakeQueue(),
        notifier=FakeNotifier(),
        network=FakeNetwork(),
        venues=[FakeVenue("raydium", 1)],
        clock=ManualClock(NOW),
        entropy=SeededEntropy(1),
        policy=ExecutionPolicy(),
    )


async def whole(store: OrderStore, orders: list[Order]) -> None:
    for order in orders:
        await check_order(store, order.id)
    await check_stream(store, "user-123")


async def persistent(store: PostgresStore, number: int) -> Order:
    """Take an order from first to last, like a client and workers that do not give up."""
    order, event = new_order(number)
    key = IdempotencyKey(user_id=order.user_id, key=str(number), digest="d")
    while True:
        with suppress(StoreError):
            order = (await store.place(order, event, key))[0]
            break
    while True:
        with suppress(StoreError):
            order = await store.get(order.id)
            if order.status.terminal:
                return order
            attempt = await store.attempt(order.id, 1)
            step = {"pending": 0, "routing": 1, "building": 2, "submitted": 3}[order.status]
            move = samples.started(order) if step == 0 else STEPS[step - 1](order, attempt)
            await store.commit(move)


async def trouble_while_a_crowd_writes(store: PostgresStore, postgres, trouble) -> None:
    crowd = asyncio.gather(*(persistent(store, n) for n in range(60)))
    for _ in range(4):
        await asyncio.sleep(0.05)
        await asyncio.to_thread(trouble)
    orders = await crowd
    await whole(store, orders)
    assert len({order.id for order in orders}) == 60
    assert await store.user_seq("user-123") == 300
    counts = await store.counts(NOW)
    assert (counts.completed, counts.waiting, counts.active) == (60, 0, 0)


async def test_connections_that_are_cut_lose_and_double_nothing(pg_store, postgres):
    await trouble_while_a_crowd_writes(pg_store, postgres, postgres.cut_connections)


async def test_a_server_that_is_killed_and_started_loses_and_doubles_nothing(pg_store, postgres):
    def kill() -> None:
        postgres.kill()
        postgres.start()

    await trouble_while_a_crowd_writes(pg_store, postgres, kill)


async def test_a_server_that_is_gone_is_told_soon_and_found_again_when_it_is_back(pg_store, postgres):
    before = await place(pg_store, 1)
    postgres.stop()
    calls = [
        pg_store.place(*new_order(2)),
        pg_store.commit(samples.started(before)),
        pg_store.get(before.id),
        pg_store.events(before.id),
        pg_store.claim_due(NOW, NOW, 1),
        pg_store.ping(),
    ]
    async with asyncio.timeout(10):
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(r, StoreError) for r in results), results
    postgres.start()
    await pg_store.ping()
    assert await pg_store.events(new_order(2)[0].id) == []
    await pg_store.place(*new_order(2))
    await pg_store.commit(samples.started(before))
    await whole(pg_store, [before, new_order(2)[0]])
