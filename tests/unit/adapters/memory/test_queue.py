"""What the in-process queue adds to the contract of a queue."""

import asyncio
from collections.abc import Sequence

import pytest

from bestfill.testing.samples import order_id
from bestfill.units import OrderId
from bestfill_adapters.memory import MemoryQueue

ONE, TWO, THREE = map(order_id, range(3))


class Worker:
    def __init__(self, queue: MemoryQueue) -> None:
        self.calls: list[Sequence[OrderId]] = []
        self.called = asyncio.Event()
        queue.consume(self)

    def __call__(self, order_ids: Sequence[OrderId]) -> None:
        self.calls.append(order_ids)
        self.called.set()


@pytest.fixture
def queue() -> MemoryQueue:
    return MemoryQueue()


async def test_the_wakes_of_one_tick_go_together_and_each_id_once(queue: MemoryQueue):
    worker = Worker(queue)
    await queue.wake([ONE, TWO])
    await queue.wake([TWO, THREE])
    assert worker.calls == []
    await asyncio.sleep(0)
    assert worker.calls == [(ONE, TWO, THREE)]


async def test_a_later_tick_is_another_call(queue: MemoryQueue):
    worker = Worker(queue)
    for order in (ONE, ONE):
        await queue.wake([order])
        await asyncio.sleep(0)
    assert worker.calls == [(ONE,), (ONE,)]


async def test_a_delayed_wake_is_never_early(queue: MemoryQueue):
    worker, loop = Worker(queue), asyncio.get_running_loop()
    due = loop.time() + 0.02
    await queue.wake([ONE], 20)
    await asyncio.wait_for(worker.called.wait(), 20)
    assert loop.time() >= due
    assert worker.calls == [(ONE,)]


async def test_a_delay_below_zero_is_none(queue: MemoryQueue):
    worker = Worker(queue)
    await queue.wake([ONE], -5)
    await asyncio.sleep(0)
    assert worker.calls == [(ONE,)]


async def test_before_a_consumer_and_after_closing_wakes_are_dropped(queue: MemoryQueue):
    await queue.wake([ONE])
    await queue.wake([ONE], 1)
    worker = Worker(queue)
    await queue.wake([TWO])
    await queue.wake([TWO], 1)
    queue.close()
    await queue.wake([THREE])
    await queue.wake([THREE], 1)
    # A timer that is set later and is due later has fired, so those before it would have too.
    await asyncio.wait_for(after_the_timers(), 20)
    assert worker.calls == []


async def test_what_was_dropped_does_not_come_back(queue: MemoryQueue):
    Worker(queue)
    await queue.wake([ONE])
    await queue.wake([TWO], 1)
    queue.close()
    worker = Worker(queue)
    await asyncio.wait_for(after_the_timers(), 20)
    assert worker.calls == []


async def after_the_timers() -> None:
    last = MemoryQueue()
    worker = Worker(last)
    await last.wake([ONE], 5)
    await worker.called.wait()


async def test_a_consumer_that_fails_once_is_called_again(queue: MemoryQueue):
    calls: list[Sequence[OrderId]] = []
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context["exception"]))

    def consumer(order_ids: Sequence[OrderId]) -> None:
        calls.append(order_ids)
        if len(calls) == 1:
            raise RuntimeError("once")

    queue.consume(consumer)
    for order in (ONE, TWO):
        await queue.wake([order])
        await asyncio.sleep(0)
    asyncio.get_running_loop().set_exception_handler(None)
    assert calls == [(ONE,), (TWO,)]
    assert len(errors) == 1
