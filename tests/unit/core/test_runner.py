"""The runner keeps a bounded number of orders in hand and loses none."""

import asyncio
import gc

from bestfill import transition
from bestfill.errors import StoreError
from bestfill.order import Order, Status
from bestfill.runner import Runner
from bestfill.testing.invariants import check_order
from bestfill.testing.samples import NOW, request
from tests.unit.core.test_engine import Floor

FOREVER_MS = 3_600_000


class Gate:
    """A venue's door: counts who is inside, and lets them out when told."""

    def __init__(self, floor: Floor) -> None:
        self.inside = self.most = 0
        self.changed, self.open = asyncio.Condition(), asyncio.Event()
        venue = floor.venues[0]
        quote = venue.quote

        async def ask(asked):
            self.inside += 1
            self.most = max(self.most, self.inside)
            async with self.changed:
                self.changed.notify_all()
            await self.open.wait()
            self.inside -= 1
            venue.ask = None
            answer = await quote(asked)
            venue.ask = ask
            return answer

        venue.ask = ask

    async def wait_for(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.inside == count)


async def all_ended(floor: Floor, ids) -> None:
    """Wait, by the notifier's events, until all these orders have ended."""
    left = set(ids)
    async with floor.notifier.subscribe() as batches:
        left -= {e.order_id for e in floor.notifier.published if e.status.terminal}
        while left:
            left -= {e.order_id for e in await anext(batches) if e.status.terminal}


async def test_runs_at_most_so_many_orders_at_once_and_all_in_the_end():
    floor = Floor()
    gate = Gate(floor)
    runner = Runner(floor.engine, concurrency=3, sweep_ms=FOREVER_MS)
    ids = [(await floor.engine.place(request())).id for _ in range(20)]
    runner.offer(ids)
    await gate.wait_for(3)
    assert (runner.in_hand, runner.waiting) == (3, 17)
    gate.open.set()
    await all_ended(floor, ids)
    assert gate.most == 3
    for order_id in ids:
        assert (await check_order(floor.store, order_id)).status is Status.CONFIRMED
    await runner.drain(0)


async def test_a_sweep_finds_what_no_wake_told_of():
    floor = Floor()
    ids = [(await floor.engine.place(request())).id for _ in range(20)]
    runner = Runner(floor.engine, concurrency=3, sweep_ms=FOREVER_MS)
    runner.start()
    await all_ended(floor, ids)
    await runner.drain(0)


async def test_an_order_woken_many_times_is_swapped_once():
    floor = Floor()
    order = await floor.engine.place(request())
    runner = Runner(floor.engine, concurrency=5, sweep_ms=FOREVER_MS)
    for _ in range(10):
        runner.offer([order.id])
    await all_ended(floor, [order.id])
    runner.offer([order.id])
    await runner.drain(60)
    assert floor.network.landings(order.id) == 1


async def test_an_order_whose_lease_passed_while_in_hand_goes_on():
    floor = Floor()
    gate = Gate(floor)
    order = await floor.engine.place(request())
    claim, claimed = floor.store.claim_due, asyncio.Event()

    async def watch(*args):
        found = await claim(*args)
        claimed.set()
        return found

    floor.store.claim_due = watch
    runner = Runner(floor.engine, concurrency=2, sweep_ms=FOREVER_MS)
    runner.offer([order.id])
    await gate.wait_for(1)
    floor.clock.advance(10_000)
    runner.start()  # its sweep claims the order from under its own run
    await claimed.wait()
    gate.open.set()
    await all_ended(floor, [order.id])
    await runner.drain(60)
    assert floor.network.landings(order.id) == 1


async def test_a_store_that_fails_stops_neither_the_runner_nor_its_sweep():
    floor = Floor()
    order = await floor.engine.place(request())
    claim, calls = floor.store.claim_due, []

    async def failing(*args):
        calls.append(args)
        if len(calls) == 1:
            raise StoreError("down")
        if len(calls) == 2:
            raise RuntimeError("a bug")
        return await claim(*args)

    floor.store.claim_due = failing
    runner = Runner(floor.engine, concurrency=2, sweep_ms=1)
    runner.start()
    await all_ended(floor, [order.id])
    await runner.drain(0)


async def test_draining_gives_back_what_does_not_end_in_time():
    floor = Floor()
    gate = Gate(floor)
    ids = [(await floor.engine.place(request())).id for _ in range(4)]
    runner = Runner(floor.engine, concurrency=2, sweep_ms=FOREVER_MS)
    runner.offer(ids)
    await gate.wait_for(2)
    await runner.drain(0)
    runner.offer(ids)
    assert (runner.in_hand, runner.waiting) == (0, 0)
    assert len(await floor.store.claim_due(floor.clock.now(), floor.clock.now(), 10)) == 4


async def test_room_is_what_is_neither_in_hand_nor_waiting_and_is_waited_for():
    floor = Floor()
    gate = Gate(floor)
    runner = Runner(floor.engine, concurrency=3, sweep_ms=FOREVER_MS)
    assert await runner.room() == 3
    ids = [(await floor.engine.place(request())).id for _ in range(4)]
    runner.offer(ids[:1])
    assert await runner.room() == 2
    runner.offer(ids)
    waiting = asyncio.create_task(runner.room(2))
    await gate.wait_for(3)
    assert not waiting.done()
    gate.open.set()
    assert await waiting >= 2
    await all_ended(floor, ids)
    await runner.drain(60)


async def test_draining_frees_whoever_waits_for_room():
    floor = Floor()
    gate = Gate(floor)
    runner = Runner(floor.engine, concurrency=1, sweep_ms=FOREVER_MS)
    runner.offer([(await floor.engine.place(request())).id])
    await gate.wait_for(1)
    waiting = asyncio.create_task(runner.room())
    await asyncio.sleep(0)
    await runner.drain(0)
    assert await waiting == 0


async def test_a_wake_for_an_order_that_ended_here_reads_nothing():
    floor = Floor()
    order = await floor.engine.place(request())
    runner = Runner(floor.engine, concurrency=2, sweep_ms=FOREVER_MS)
    runner.offer([order.id])
    runner.offer([order.id])  # while it is in hand
    await all_ended(floor, [order.id])
    await runner.drain(60)

    read: list[object] = []
    floor.store.get = read.append
    again = Runner(floor.engine, concurrency=2, sweep_ms=FOREVER_MS)
    again._ended = runner._ended
    again.offer([order.id])
    assert (again.in_hand, again.waiting, read) == (0, 0, [])


async def claimed(runner: Runner, count: int) -> None:
    async with asyncio.timeout(10):
        while len(runner._claimed) < count:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)


async def test_a_sweep_takes_its_share_though_wakes_fill_every_place():
    floor = Floor()
    gate = Gate(floor)
    lost = await floor.engine.place(request())
    floor.clock.advance(1)
    woken = [(await floor.engine.place(request())).id for _ in range(20)]
    runner = Runner(floor.engine, concurrency=2, sweep_ms=FOREVER_MS)
    runner.offer(woken)
    await gate.wait_for(2)
    runner.start()
    await claimed(runner, 2)
    assert lost.id in runner._claimed
    gate.open.set()
    await all_ended(floor, [lost.id])
    assert runner.waiting > 10  # it went before them
    await runner.drain(60)


async def test_draining_gives_back_what_a_sweep_claimed_and_wakes_other_workers_for_all_of_it():
    floor = Floor()
    gate = Gate(floor)
    ids = [(await floor.engine.place(request())).id for _ in range(6)]
    runner = Runner(floor.engine, concurrency=2, sweep_ms=FOREVER_MS)
    runner.offer(ids[:2])
    await gate.wait_for(2)
    runner.start()
    await claimed(runner, 2)
    runner.offer(ids[2:])
    floor.queue.woken.clear()
    await runner.drain(0)
    assert sorted(floor.queue.woken) == sorted((order_id, 0) for order_id in ids)
    assert len(await floor.store.claim_due(floor.clock.now(), floor.clock.now(), 10)) == 6


class Hand:
    """An engine whose orders the test puts down by itself, and whose sweeps it answers."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.given_back: list[str] = []
        self.passed_on: list[str] = []
        self.limits: list[int] = []
        self.due: list[Order] = []
        self.sweeping: asyncio.Event | None = None
        self.changed = asyncio.Condition()
        self._ends: dict[str, asyncio.Future[bool]] = {}

    async def run(self, order_id):
        end = self._ends[order_id] = asyncio.get_running_loop().create_future()
        self.runs.append(order_id)
        await self._tell()
        return await end

    async def resume(self, order):
        return await self.run(order.id)

    async def give_back(self, order):
        self.given_back.append(order.id)
        await self._tell()

    async def pass_on(self, order_ids):
        self.passed_on += order_ids
        await self._tell()

    async def sweep(self, limit, overdue_ms):
        self.limits.append(limit)
        claimed, self.due = self.due[:limit], self.due[limit:]
        await self._tell()
        if self.sweeping is not None:
            await self.sweeping.wait()
        return claimed

    def put_down(self, order_id, ended=False):
        self._ends[order_id].set_result(ended)

    async def until(self, holds):
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(holds)

    async def _tell(self):
        async with self.changed:
            self.changed.notify_all()


def orders(*ids: str) -> list[Order]:
    return [transition.place(i, request(), NOW + 1, NOW)[0] for i in ids]


async def test_an_order_woken_while_in_hand_is_run_again_unless_it_has_ended():
    hand = Hand()
    runner = Runner(hand, concurrency=2, sweep_ms=FOREVER_MS)
    runner.offer(["a", "b"])
    await hand.until(lambda: hand.runs == ["a", "b"])
    runner.offer(["a", "b"])
    hand.put_down("b", ended=True)
    hand.put_down("a")
    await hand.until(lambda: hand.runs == ["a", "b", "a"])
    hand.put_down("a", ended=True)
    await runner.drain(60)
    assert hand.runs == ["a", "b", "a"]


async def test_a_sweep_takes_no_more_than_has_a_place_in_the_end():
    hand = Hand()
    hand.due = orders(*"abcdefgh")
    runner = Runner(hand, concurrency=3, sweep_ms=1)
    runner.offer(["x", "y", "z"])
    await hand.until(lambda: len(hand.runs) == 3)
    runner.start()
    await hand.until(lambda: len(hand.limits) == 1)
    await claimed(runner, 3)
    hand.put_down("x", ended=True)
    await hand.until(lambda: len(hand.runs) == 4)
    await hand.until(lambda: len(hand.limits) == 2)
    assert hand.limits == [3, 1]
    await runner.drain(0)


async def test_draining_gives_back_what_a_sweep_under_way_claims():
    hand = Hand()
    hand.due, hand.sweeping = orders("a", "b"), asyncio.Event()
    runner = Runner(hand, concurrency=3, sweep_ms=FOREVER_MS)
    runner.start()
    await hand.until(lambda: hand.limits == [3])
    draining = asyncio.create_task(runner.drain(0))
    await asyncio.sleep(0)
    hand.sweeping.set()
    await draining
    assert (hand.runs, hand.given_back) == ([], ["a", "b"])


async def test_what_is_put_down_while_it_drains_goes_to_others_at_once():
    hand = Hand()
    runner = Runner(hand, concurrency=3, sweep_ms=FOREVER_MS)
    runner.offer(["a", "b", "c"])
    await hand.until(lambda: len(hand.runs) == 3)
    runner.offer(["a"])
    hand.due = orders("b")
    runner.start()  # its sweep claims b from under its own run
    await hand.until(lambda: hand.limits != [])
    draining = asyncio.create_task(runner.drain(3_600))
    await asyncio.sleep(0)
    hand.put_down("a")
    hand.put_down("b")
    await hand.until(lambda: (hand.passed_on, hand.given_back) == (["a"], ["b"]))
    assert not draining.done()
    hand.put_down("c")
    await draining
    assert len(hand.runs) == 3


async def test_draining_ends_though_an_order_does_not(monkeypatch):
    monkeypatch.setattr("bestfill.runner.GIVE_BACK_S", 0.01)
    hand, end = Hand(), asyncio.Event()

    async def stubborn(order_id):
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                hand.runs.append("cancelled")
        return False

    hand.run = stubborn
    runner = Runner(hand, concurrency=1, sweep_ms=FOREVER_MS)
    runner.offer(["a"])
    await asyncio.sleep(0)
    await runner.drain(0)
    assert hand.runs == ["cancelled"]
    end.set()


async def test_a_run_that_is_cancelled_before_it_begins_leaves_nothing_unawaited():
    floor = Floor()
    order = await floor.engine.place(request())
    runner = Runner(floor.engine, concurrency=1, sweep_ms=FOREVER_MS)
    runner.offer([order.id])
    await runner.drain(0)
    del runner
    gc.collect()  # warns of what was never awaited
    assert (await floor.store.get(order.id)).status is Status.PENDING
