"""The kill switch: while halted nothing is signed, what is signed goes on to its end, and the rest waits."""

import asyncio
from collections.abc import Callable
from typing import Self

import pytest

from bestfill import decide as step
from bestfill.audit import AuditFact
from bestfill.decide import Known, decide
from bestfill.engine import Engine
from bestfill.engine.switch import Switch
from bestfill.errors import ErrorCode, PolicyDenied, VenueUnavailable
from bestfill.order import Order, Status
from bestfill.policy import ExecutionPolicy
from bestfill.ports import Halt
from bestfill.runner import Runner
from bestfill.testing.clock import ManualClock, SeededEntropy
from bestfill.testing.control import MemoryControl
from bestfill.testing.fakes import FakeNetwork, FakeNotifier, FakeQueue, FakeVenue
from bestfill.testing.invariants import check_order
from bestfill.testing.samples import NOW, request
from bestfill.testing.store import MemoryStore
from tests.unit.core.test_decide import POLICY, at

HALT = Halt(reason="a test", actor="cli", at=NOW)
UNSIGNED = [Status.PENDING, Status.ROUTING, Status.BUILDING]


class Time:
    """Seconds that a test owns, for switches."""

    def __init__(self) -> None:
        self.s = 0.0
        self._changed = asyncio.Condition()

    def __call__(self) -> float:
        return self.s

    async def sleep(self, span_s: float) -> None:
        until = self.s + span_s
        async with self._changed:
            await self._changed.wait_for(lambda: self.s >= until)

    async def go_on(self, span_s: float) -> None:
        """Let it pass, and everybody do what is to be done by then."""
        await settle()
        self.s += span_s
        async with self._changed:
            self._changed.notify_all()
        await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def until(holds: Callable[[], bool]) -> None:
    """Look again and again until it holds, where nothing tells of it."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def put(control: MemoryControl, halt: Halt | None) -> None:
    await control.set_halt(halt, AuditFact(at=NOW, actor="cli", origin="", action="halt.set", subject="engine"))


class Plant:
    """Workers on one store, each with its own switch, and whoever halts them."""

    def __init__(self, workers: int = 1, concurrency: int = 2, sweep_ms: int = 5) -> None:
        self.store, self.control, self.queue = MemoryStore(), MemoryControl(), FakeQueue()
        self.network, self.clock, self.time = FakeNetwork(), ManualClock(NOW, auto=True), Time()
        self.notifier, self.venue = FakeNotifier(), FakeVenue("only", 213_000_000)
        self.switches = [Switch(self.control, self.time, self.time.sleep) for _ in range(workers)]
        self.engines = [self.worker(switch) for switch in self.switches]
        self.runners = [
            Runner(engine, concurrency, sweep_ms, switch=switch)
            for engine, switch in zip(self.engines, self.switches, strict=True)
        ]
        self.engine, self.switch, self.runner = self.engines[0], self.switches[0], self.runners[0]

    def worker(self, switch: Switch) -> Engine:
        return Engine(
            store=self.store,
            queue=self.queue,
            notifier=self.notifier,
            network=self.network,
            venues=[self.venue],
            clock=self.clock,
            entropy=SeededEntropy(len(getattr(self, "engines", ()))),
            policy=ExecutionPolicy(),
            control=self.control,
            switch=switch,
        )

    async def __aenter__(self) -> Self:
        for switch in self.switches:
            await switch.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for runner in self.runners:
            await runner.drain(0)
        for switch in self.switches:
            await switch.close()

    async def place(self, count: int) -> list[Order]:
        return [await self.engine.place(request(amount_in=10**9 + number)) for number in range(count)]

    async def halt(self, halt: Halt | None = HALT) -> None:
        await put(self.control, halt)
        await self.time.go_on(0.25)

    def signed(self) -> int:
        return len(self.network._plans)

    async def until(self, *statuses: Status, ids: list[Order]) -> None:
        """Wait until each of these orders is at one of these."""
        await until(lambda: self.are(*statuses, ids=ids))

    def are(self, *statuses: Status, ids: list[Order]) -> bool:
        return all(self.store._orders[order.id].status in statuses for order in ids)


# The switch.


async def test_a_halt_is_seen_within_a_poll_and_a_resume_too():
    control, time = MemoryControl(), Time()
    switch = Switch(control, time, time.sleep)
    resumed: list[float] = []
    switch.on_resume(lambda: resumed.append(time()))
    assert switch.halted, "before anything was heard"
    await switch.start()
    assert not switch.halted and switch.halt is None
    await put(control, HALT)
    await time.go_on(0.25)
    assert switch.halted and switch.halt == HALT
    await put(control, None)
    await time.go_on(0.25)
    assert not switch.halted
    assert resumed == [0.0, 0.5]
    await switch.close()
    assert switch.halted, "nobody looks any more"


async def test_silence_halts_after_a_second_and_an_answer_ends_it():
    control, time = MemoryControl(), Time()
    switch = Switch(control, time, time.sleep)
    resumed: list[float] = []
    switch.on_resume(lambda: resumed.append(time()))
    await switch.start()
    control.down = True
    for _ in range(4):
        await time.go_on(0.25)
        assert not switch.halted
    await time.go_on(0.25)
    assert switch.halted
    assert switch.halt is None, "that is no reason to refuse an order"
    control.down = False
    await time.go_on(0.25)
    assert not switch.halted and resumed == [0.0, 1.5]
    await switch.close()


async def test_an_answer_is_as_old_as_its_question():
    time, answer = Time(), asyncio.Event()

    class Slow(MemoryControl):
        async def halt(self) -> Halt | None:
            halt = await super().halt()
            await answer.wait()
            return halt

    switch = Switch(Slow(), time, time.sleep)
    starting = asyncio.create_task(switch.start())
    await asyncio.sleep(0)
    await time.go_on(1.1)
    answer.set()
    await starting
    assert switch.halted, "the engine may have been halted since"
    await switch.close()


async def test_a_halt_that_was_heard_holds_while_nobody_answers():
    control, time = MemoryControl(), Time()
    await put(control, HALT)
    switch = Switch(control, time, time.sleep)
    await switch.start()
    control.down = True
    await time.go_on(60)
    assert switch.halted and switch.halt == HALT
    await switch.close()


# What is decided.


@pytest.mark.parametrize("status", UNSIGNED)
def test_what_is_not_signed_is_put_down(status: Status):
    order, attempt = at(status)
    held, free = Known(held=True, halted=True), Known(halted=True)
    assert decide(order, attempt, held, POLICY, NOW) == step.Rest(NOW)
    assert decide(order, attempt, free, POLICY, order.wake_at) == step.Leave()


@pytest.mark.parametrize("status", UNSIGNED)
def test_what_expires_ends_all_the_same(status: Status):
    order, attempt = at(status)
    failed = decide(order, attempt, Known(held=True, halted=True), POLICY, order.expires_at)
    assert isinstance(failed, step.Fail) and failed.error.code is ErrorCode.EXPIRED


def test_what_failed_before_is_told_all_the_same():
    order, attempt = at(Status.BUILDING)
    known = Known(held=True, halted=True, error=VenueUnavailable("down"))
    assert isinstance(decide(order, attempt, known, POLICY, NOW), step.Retry)


def test_what_is_signed_goes_on():
    order, attempt = at(Status.SUBMITTED)
    held, free = Known(held=True, halted=True), Known(halted=True)
    assert isinstance(decide(order, attempt, held, POLICY, NOW), step.Send)
    assert decide(order, attempt, free, POLICY, order.wake_at) == step.Claim()


# Whole orders.


async def test_no_order_is_accepted_while_halted_but_those_that_were_are_given_again():
    async with Plant() as plant:
        order = await plant.engine.place(request(), "key")
        await plant.halt()
        assert plant.engine.halted
        assert (await plant.engine.place(request(), "key")).id == order.id
        for asking in (plant.engine.place(request()), plant.engine.preview(request())):
            with pytest.raises(PolicyDenied) as caught:
                await asking
            assert caught.value.rule == "halt"
        assert (await plant.engine.cancel(order.id)).status is Status.FAILED
        await plant.halt(None)
        assert not plant.engine.halted
        assert (await plant.engine.place(request())).status is Status.PENDING


@pytest.mark.parametrize("during", ["quote", "leg", "sign"])
async def test_a_swap_that_is_not_recorded_when_the_engine_is_halted_is_never_sent(during: str):
    async with Plant() as plant:
        (order,) = await plant.place(1)
        port = plant.network if during == "sign" else plant.venue
        work = getattr(port, during)

        async def then_halt(*args):
            done = await work(*args)
            await plant.halt()
            return done

        setattr(port, during, then_halt)
        await plant.engine.run(order.id)
        waits = await check_order(plant.store, order.id)
        assert (waits.status in UNSIGNED, waits.wake_at) == (True, plant.clock.now()), "it is free to be taken up"
        assert plant.network.sent == []
        assert plant.signed() == (during == "sign")
        setattr(port, during, work)
        await plant.halt(None)
        await plant.engine.run(order.id)
        assert (await check_order(plant.store, order.id)).status is Status.CONFIRMED
        assert plant.network.landings(order.id) == 1


async def test_a_swap_that_is_recorded_is_followed_to_its_end():
    async with Plant() as plant:
        (order,) = await plant.place(1)
        send = plant.network.send

        async def halt_and_send(swap):
            await plant.halt()
            await send(swap)

        plant.network.send = halt_and_send
        await plant.engine.run(order.id)
        assert (await check_order(plant.store, order.id)).status is Status.CONFIRMED


async def test_workers_halt_with_all_in_hand_and_go_on_with_all_when_resumed():
    async with Plant(workers=2, concurrency=3) as plant:
        orders = await plant.place(40)
        sign, halted = plant.network.sign, asyncio.Event()

        async def halt_at_the_fifth(plan):
            if plant.signed() == 4 and not halted.is_set():
                await plant.halt()
                halted.set()
            return await sign(plan)

        plant.network.sign = halt_at_the_fifth
        for runner in plant.runners:
            runner.start()
            runner.offer(order.id for order in orders)
        await halted.wait()
        await settle()
        signed = {plan.order_id for plan in plant.network._plans.values()}
        recorded = [order for order in orders if (await plant.store.get(order.id)).status not in UNSIGNED]
        assert 0 < len(recorded) < 40
        await plant.until(Status.CONFIRMED, ids=recorded)
        plant.clock.advance(60_000)  # leases pass, and are taken over, again and again
        for _ in range(200):
            await asyncio.sleep(0.001)
        assert {plan.order_id for plan in plant.network._plans.values()} == signed
        assert not any(runner.in_hand for runner in plant.runners)
        await plant.halt(None)
        # The quotes of those that were about to be signed are too old by now, so these are tried again.
        await until(lambda: plant.clock.advance(20) or plant.are(Status.CONFIRMED, ids=orders))
        assert all(plant.network.landings(order.id) == 1 for order in orders)


async def test_orders_that_wait_do_not_keep_a_worker_from_those_that_are_signed():
    async with Plant(concurrency=1, sweep_ms=3_600_000) as plant:
        waiting = await plant.place(30)
        plant.clock.advance(1_000)  # so that these have been due for longer
        plant.network.lands = False
        (signed,) = await plant.place(1)
        died = asyncio.create_task(plant.worker(plant.switch).run(signed.id))
        await plant.until(Status.SUBMITTED, ids=[signed])
        died.cancel()
        await asyncio.wait([died])
        await plant.halt()
        plant.network.lands = True
        plant.network.land(plant.network.sent[0].signature)
        plant.runner.offer(order.id for order in waiting)
        plant.clock.advance(60_000)
        plant.runner.start()
        await plant.until(Status.CONFIRMED, ids=[signed])
        assert plant.signed() == 1
        await plant.halt(None)
        await plant.until(Status.CONFIRMED, ids=waiting)


async def test_a_wake_that_comes_while_halted_is_kept():
    async with Plant() as plant:
        orders = await plant.place(5)
        await plant.halt()
        runner = Runner(plant.engine, 2, sweep_ms=3_600_000, overdue_ms=3_600_000, switch=plant.switch)
        runner.start()
        runner.offer(order.id for order in orders)
        await settle()
        assert (runner.in_hand, runner.waiting) == (0, 5)
        await plant.halt(None)
        await plant.until(Status.CONFIRMED, ids=orders)
        await runner.drain(0)


async def test_orders_that_wait_can_be_cancelled_and_expire():
    async with Plant(concurrency=1) as plant:
        await plant.halt(None)
        cancelled, expires, also = await plant.place(3)
        await plant.halt()
        plant.runner.start()
        await until(lambda: len(plant.runner._parked) == 3)
        assert (await plant.engine.cancel(cancelled.id)).error_code is ErrorCode.CANCELLED
        plant.clock.advance(300_000)
        await plant.until(Status.FAILED, ids=[expires, also])
        assert (await check_order(plant.store, expires.id)).error_code is ErrorCode.EXPIRED
        assert plant.signed() == 0


async def test_what_is_parked_is_given_back_when_the_worker_stops():
    async with Plant(concurrency=5) as plant:
        orders = await plant.place(3)
        await plant.halt()
        plant.runner.start()
        await until(lambda: len(plant.runner._parked) == 3)
        assert (plant.runner.in_hand, plant.runner.waiting) == (0, 3)
        await plant.runner.drain(0)
        now = plant.clock.now()
        assert len(await plant.store.claim_due(now, now, 10)) == len(orders)
