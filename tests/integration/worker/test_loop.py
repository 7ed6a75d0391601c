"""The worker's loop takes orders while it has room, and gives up none that it has not begun."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import redis

from bestfill.engine.switch import Switch
from bestfill.errors import StoreError
from bestfill.events import OrderEvent
from bestfill.order import Order, Status
from bestfill.quote import Quote, QuoteRequest
from bestfill.testing.control import MemoryControl
from bestfill.testing.fakes import FakeNetwork, FakeNotifier, FakeQueue, FakeVenue
from bestfill.testing.samples import request
from bestfill.testing.store import MemoryStore
from bestfill.transition import Transition
from bestfill.units import Millis, OrderId
from bestfill_adapters.container.deployed import Deployed
from bestfill_adapters.dramatiq.wakes import WAKES
from bestfill_adapters.settings import Hidden, Settings
from bestfill_worker.loop import OrderLoop

WAIT_S = 20


class Opened:
    """What a deployed part has besides its port."""

    opened = False

    async def start(self) -> None:
        self.opened = True

    async def close(self) -> None:
        self.opened = False


class Store(Opened, MemoryStore):
    """One whose sweep finds nothing, so that orders come by the ways that are tested. `at_end` is called in the loop
    when an order ends, before its place is free."""

    at_end: Callable[[], object] | None = None

    async def commit(self, transition: Transition) -> OrderEvent | None:
        stored = await super().commit(transition)
        if transition.order.status.terminal and self.at_end is not None:
            self.at_end()
        return stored

    async def claim_due(self, now: Millis, lease_until: Millis, limit: int) -> list[Order]:
        return []


class Queue(FakeQueue):
    def start(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Notifier(Opened, FakeNotifier):
    pass


class Network(Opened, FakeNetwork):
    pass


class Control(Opened, MemoryControl):
    pass


class Bench:
    """A loop over ports that a test owns; its venue answers when it is let."""

    def __init__(self, redis_url: str, concurrency: int) -> None:
        self.store, self.queue, self.let = Store(), Queue(), threading.Event()
        self.asked = threading.Semaphore(0)
        venue = FakeVenue("own", 250_000_000)
        answer = venue.quote

        async def ask(asked: QuoteRequest) -> Quote:
            self.asked.release()
            await asyncio.to_thread(self.let.wait)
            venue.ask = None
            return await answer(asked)

        venue.ask = ask
        self.container = Deployed()
        settings = Settings(redis_url=Hidden(redis_url), concurrency=concurrency, quote_timeout_ms=60_000)
        control = Control()
        for part, its in {
            self.container.settings: settings,
            self.container.store: self.store,
            self.container.queue: self.queue,
            self.container.notifier: Notifier(),
            self.container.control: control,
            self.container.switch: Switch(control),
            self.container.ledger: Opened(),
            self.container.network: Network(),
            self.container.venues: [venue],
        }.items():
            part.override(its)
        self.loop = OrderLoop(self.container, grace_s=WAIT_S)
        self.threads = ThreadPoolExecutor()

    def hand_over(self, *order_ids: OrderId) -> Future[None]:
        return self.threads.submit(self.loop.hand_over, order_ids)

    def wait_for_asks(self, count: int) -> None:
        for _ in range(count):
            assert self.asked.acquire(timeout=WAIT_S)

    def stop(self) -> None:
        self.let.set()
        self.loop.drain()
        self.loop.close()
        self.threads.shutdown()


@pytest.fixture
def bench(redis_url: str) -> Iterator[Callable[[int], Bench]]:
    made: list[Bench] = []

    def make(concurrency: int) -> Bench:
        made.append(Bench(redis_url, concurrency))
        return made[-1]

    yield make
    for one in made:
        one.stop()


async def place(bench: Bench, count: int) -> list[OrderId]:
    return [(await bench.container.engine().place(request())).id for _ in range(count)]


async def test_handing_over_blocks_until_there_is_room(bench: Callable[[int], Bench]):
    one = bench(2)
    one.loop.start()
    ids = await place(one, 5)
    one.hand_over(*ids[:2]).result(WAIT_S)
    one.wait_for_asks(2)
    third = one.hand_over(*ids[2:4])
    fourth = one.hand_over(ids[4])
    with pytest.raises(TimeoutError):
        third.result(0.05)
    one.let.set()
    third.result(WAIT_S)
    fourth.result(WAIT_S)
    one.loop.drain()
    await asyncio.to_thread(one.loop.close)


async def test_draining_frees_the_threads_and_wakes_another_worker_for_what_they_brought(bench: Callable[[int], Bench]):
    one = bench(1)
    one.loop.start()
    ids = await place(one, 4)
    one.hand_over(ids[0]).result(WAIT_S)
    one.wait_for_asks(1)
    blocked = [one.hand_over(ids[1]), one.hand_over(ids[2])]
    one.queue.woken.clear()
    one.loop.drain()
    for each in blocked:
        await asyncio.to_thread(each.result, WAIT_S)
    await asyncio.to_thread(one.hand_over(ids[3]).result, WAIT_S)
    assert sorted(one.queue.woken) == sorted((i, 0) for i in ids[1:])
    one.let.set()
    await asyncio.to_thread(one.loop.close)
    assert (await one.store.get(ids[0])).status is Status.CONFIRMED
    assert not one.store.opened


async def test_the_wake_list_is_left_to_others_while_there_is_no_room(bench: Callable[[int], Bench], redis_url: str):
    one = bench(1)
    one.loop.start()
    ids = await place(one, 3)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        client.rpush(WAKES, *ids)
        one.wait_for_asks(1)
        assert client.lrange(WAKES, 0, -1) == ids[1:]
        one.let.set()
        async with asyncio.timeout(WAIT_S):
            while client.llen(WAKES):  # noqa: ASYNC110 - another thread tells no event
                await asyncio.sleep(0.005)


@pytest.fixture
def one_by_one(bench: Callable[[int], Bench]) -> Iterator[tuple[Bench, threading.Semaphore]]:
    """Give a loop with one place, and what lets its venue answer once."""
    one, let = bench(1), threading.Semaphore(0)
    (venue,) = one.container.venues()

    async def ask(asked: QuoteRequest) -> Quote:
        one.asked.release()
        await asyncio.to_thread(let.acquire)
        return await answer(asked)

    answer, venue.ask = FakeVenue("own", 250_000_000).quote, ask
    yield one, let
    let.release(1_000)


async def test_who_waits_for_room_gets_it_before_who_comes_when_there_is_some(one_by_one):
    one, let = one_by_one
    one.loop.start()
    first, waits, comes = await place(one, 3)
    one.hand_over(first).result(WAIT_S)
    one.wait_for_asks(1)
    waiting = one.hand_over(waits)
    with pytest.raises(TimeoutError):
        waiting.result(0.05)
    coming: list[asyncio.Task[None]] = []
    one.store.at_end = lambda: coming or coming.append(asyncio.ensure_future(one.loop._take([comes])))
    let.release()
    one.wait_for_asks(1)
    assert (await one.store.get(waits)).status is Status.ROUTING
    assert (await one.store.get(comes)).status is Status.PENDING


async def test_the_wake_list_has_its_turn_before_messages_that_come_later(one_by_one, redis_url: str):
    one, let = one_by_one
    one.loop.start()
    first, waits, comes = await place(one, 3)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        client.rpush(WAKES, first, waits)
        one.wait_for_asks(1)
        assert client.lrange(WAKES, 0, -1) == [waits]
        coming: list[asyncio.Task[None]] = []
        one.store.at_end = lambda: coming or coming.append(asyncio.ensure_future(one.loop._take([comes])))
        let.release()
        one.wait_for_asks(1)
        async with asyncio.timeout(WAIT_S):
            while client.llen(WAKES):  # noqa: ASYNC110 - another thread tells no event
                await asyncio.sleep(0.005)


async def test_until_it_is_closed_it_passes_on_what_dramatiqs_threads_have_taken(bench: Callable[[int], Bench]):
    one, drained = bench(1), threading.Event()
    runner = one.container.runner()
    drain = runner.drain

    async def drain_and_tell(grace_s: float) -> None:
        await drain(grace_s)
        drained.set()

    runner.drain = drain_and_tell
    one.loop.start()
    (late,) = await place(one, 1)
    one.queue.woken.clear()
    one.loop.drain()
    assert await asyncio.to_thread(drained.wait, WAIT_S)
    loop = one.loop._loop.result()
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_turns(1_000), loop))  # if it were ending, it would have
    await asyncio.to_thread(one.hand_over(late).result, WAIT_S)
    assert one.queue.woken == [(late, 0)]


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_keeps_it_from_starting_is_raised_and_leaves_no_thread(redis_url: str):
    one = Bench(redis_url, 1)

    async def start() -> None:
        raise StoreError("the tables are not there")

    one.store.start = start
    with pytest.raises(StoreError, match="the tables are not there"):
        one.loop.start()
    await asyncio.to_thread(one.loop._thread.join, WAIT_S)
    assert not one.loop._thread.is_alive()
    one.threads.shutdown()
