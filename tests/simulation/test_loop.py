"""Virtual time, a seeded order of things, and processes that can be killed and frozen at any await."""

import asyncio
import gc
import random

import pytest

from bestfill.engine.patience import Patience
from tools.sim.fate import Fate
from tools.sim.loop import Stuck
from tools.sim.process import ConnectionLost, Process

HOUR = 3600.0


def fate(seed: int = 1) -> Fate:
    return Fate(seed, lambda _: {}, tells=True)


def process(owner: Fate, name: str = "worker 1", life: int | None = None, died=lambda: None) -> Process:
    return Process(owner, name, life, died)


def test_hours_pass_at_once_and_in_order():
    world, seen = fate(), []

    async def sleeper(span_s: float) -> None:
        await asyncio.sleep(span_s)
        seen.append(asyncio.get_running_loop().time())

    async def main() -> None:
        await asyncio.gather(*(sleeper(hours * HOUR) for hours in (3, 1, 2)))

    world.loop.run(main())
    assert seen == [HOUR, 2 * HOUR, 3 * HOUR]


def order_of_ten(seed: int) -> list[int]:
    world, seen = fate(seed), list[int]()

    async def main() -> None:
        await asyncio.gather(*(one(number) for number in range(10)))

    async def one(number: int) -> None:
        await asyncio.sleep(1)
        seen.append(number)

    world.loop.run(main())
    return seen


def test_the_seed_alone_chooses_what_runs_next():
    assert order_of_ten(1) == order_of_ten(1)
    assert len({tuple(order_of_ten(seed)) for seed in range(20)}) > 15


def test_what_can_never_end_is_told_instead_of_waited_for():
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck):
        fate().loop.run(main())


def test_timeouts_hold_in_virtual_time():
    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await loop.create_future()
        first = loop.time()
        with pytest.raises(TimeoutError), Patience().within(3_000):
            await loop.create_future()
        return first, loop.time() - first

    first, second = fate().loop.run(main())
    assert first == 60
    assert 3 <= second < 3.2


def test_an_error_that_nobody_handles_is_a_fault():
    world = fate()

    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)

    world.loop.run(main())
    assert "ZeroDivisionError" in world.blames[0]


def test_a_task_that_dies_unheard_is_told_of():
    world = fate()

    async def dies() -> None:
        raise LookupError

    async def main() -> None:
        task = asyncio.create_task(dies())
        heard = asyncio.create_task(dies())
        await asyncio.wait([task, heard])
        assert isinstance(heard.exception(), LookupError)

    world.loop.run(main())
    assert [type(error) for error in world.loop.unheard()] == [LookupError]


async def life(seen: list[str], world: Fate) -> None:
    loop = asyncio.get_running_loop()
    loop.call_later(5, seen.append, "timer")
    child = asyncio.create_task(asyncio.sleep(6))
    child.add_done_callback(lambda _: seen.append("child"))
    try:
        while True:
            await asyncio.sleep(1)
            seen.append(f"at {loop.time():.0f}")
    except asyncio.CancelledError:
        seen.append("cancelled")
        raise
    finally:
        seen.append("finally")
        world.later(1, seen.append, "what the finally began")


def test_of_a_killed_process_no_line_runs_not_even_a_finally():
    world, seen, deaths = fate(), list[str](), list[float]()
    victim = process(world, died=lambda: deaths.append(world.loop.time()))

    async def main() -> None:
        victim.spawn(life(seen, world))
        await asyncio.sleep(3.5)
        victim.kill("for a test")
        gc.collect()  # were its tasks let go, this would end them
        await asyncio.sleep(HOUR)

    world.loop.run(main())
    assert seen == ["at 1", "at 2", "at 3"]
    assert deaths == [3.5]
    victim.dispose()
    world.loop.close()
    assert seen[-2:] == ["cancelled", "finally"], "when all is judged, it is let go properly"


def test_a_life_ends_after_so_many_callbacks_wherever_that_is():
    for callbacks in range(1, 12):
        world, seen = fate(), list[str]()
        victim = process(world, life=callbacks)

        async def main(victim=victim, seen=seen, world=world) -> None:
            victim.spawn(life(seen, world))
            await asyncio.sleep(HOUR)

        world.loop.run(main())
        assert not victim.alive
        assert "finally" not in seen
        victim.dispose()
        world.loop.close()


def test_what_a_dead_process_was_asked_is_answered_by_a_lost_connection():
    world = fate()
    victim = process(world)

    async def main() -> None:
        asked = asyncio.create_task(victim.ask(lambda: asyncio.sleep(HOUR)))
        await asyncio.sleep(1)
        victim.kill("for a test")
        with pytest.raises(ConnectionLost):
            await asked
        with pytest.raises(ConnectionLost):
            await victim.ask(lambda: asyncio.sleep(0))

    world.loop.run(main())
    victim.dispose()
    world.loop.close()


def test_a_frozen_process_goes_on_late_and_misses_nothing():
    world, seen = fate(), list[str]()
    victim = process(world)

    async def main() -> None:
        victim.spawn(life(seen, world))
        await asyncio.sleep(1.5)
        victim.freeze(10)
        await asyncio.sleep(9)
        assert seen == ["at 1"]
        await asyncio.sleep(2)

    world.loop.run(main())
    assert sorted(seen[1:]) == ["at 12", "child", "timer"]
    victim.dispose()
    world.loop.close()


def test_the_digest_tells_two_traces_apart():
    def trace(text: str, draws: int) -> str:
        world = fate()
        world.tell(text)
        for _ in range(draws):
            random.Random.random(world.random)
        return world.trace()

    assert trace("a", 1) == trace("a", 1)
    assert len({trace("a", 1), trace("b", 1), trace("a", 2)}) == 3
