"""A step that takes too long is cut short, and nothing else is."""

import asyncio
from contextlib import suppress

import pytest

from bestfill.engine.patience import Patience


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def test_what_takes_too_long_is_left_by_a_timeout():
    patience = Patience()
    with pytest.raises(TimeoutError), patience.within(10):
        await never()
    with patience.within(10):
        pass
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0, "nothing of the cut is left behind"


async def test_what_ends_in_time_is_left_alone_however_long_the_rest_takes():
    patience = Patience()
    with patience.within(10):
        pass
    with pytest.raises(TimeoutError), patience.within(1):  # the timer looks, and finds this one alone
        await never()


async def test_many_steps_have_each_a_limit_of_their_own():
    patience, short, long = Patience(), 1, 60_000

    async def step(limit_ms: int, seen: asyncio.Event) -> str:
        try:
            with patience.within(limit_ms):
                await seen.wait()
        except TimeoutError:
            return "cut"
        return "done"

    seen = asyncio.Event()
    cut = [asyncio.create_task(step(short, seen)) for _ in range(3)]
    kept = [asyncio.create_task(step(long, seen)) for _ in range(3)]
    assert await asyncio.gather(*cut) == ["cut"] * 3
    seen.set()
    assert await asyncio.gather(*kept) == ["done"] * 3


async def test_a_cancellation_from_outside_stays_one():
    patience = Patience()
    begun = asyncio.Event()

    async def step() -> None:
        with patience.within(60_000):
            begun.set()
            await never()

    task = asyncio.create_task(step())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_from_outside_wins_over_the_limit():
    patience = Patience()

    async def step() -> None:
        with patience.within(1):
            try:
                await never()
            except asyncio.CancelledError:
                task.cancel()  # somebody else's, while the limit's is under way
                raise

    task = asyncio.create_task(step())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_step_that_ends_although_it_was_cut_has_ended():
    async def stubborn() -> str:
        try:
            await never()
        except asyncio.CancelledError:
            return "done"

    with Patience().within(1):
        assert await stubborn() == "done"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_an_error_of_the_step_itself_is_not_hidden():
    with pytest.raises(ValueError, match="its own"), Patience().within(60_000):
        raise ValueError("its own")


def test_it_serves_another_loop_after_the_first_has_ended():
    patience = Patience()

    async def step() -> None:
        with pytest.raises(TimeoutError), patience.within(1):
            await never()

    async def leave_a_timer_behind() -> None:
        with patience.within(60_000):
            pass

    asyncio.run(leave_a_timer_behind())
    asyncio.run(step())


def test_a_limit_that_a_dead_loop_left_behind_harms_nobody():
    patience = Patience()

    async def left_behind() -> None:
        with patience.within(1):
            await never()

    dead = asyncio.new_event_loop()
    task = dead.create_task(left_behind())
    dead.call_soon(dead.stop)
    dead.run_forever()
    dead.close()

    async def step() -> None:
        with pytest.raises(TimeoutError), patience.within(1):
            await never()

    asyncio.run(step())
    task._log_destroy_pending = False
    task.get_coro().close()


async def test_steps_that_are_cut_together_are_cut_in_the_order_in_which_they_began():
    """Any order would do, but it must not hang on where objects lie in memory: a simulated run must be repeatable."""
    patience, cut = Patience(), list[int]()

    async def step(number: int) -> None:
        with suppress(TimeoutError), patience.within(1):
            await never()
        cut.append(number)

    await asyncio.gather(*(step(number) for number in range(50)))
    assert cut == list(range(50))
