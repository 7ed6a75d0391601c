"""The limits of several processes on a real server, which may be slow, lose all, or be gone."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from bestfill_adapters.limits import Rate
from bestfill_adapters.limits.redis import ASKED_MAX, TOLD_MAX, RedisLimiter
from tools.servers import Valkey

PATIENT_S = 20.0
"""However busy this machine is, Redis is not given up, unless a test means it."""
RATE = Rate(100, 86_400)


@asynccontextmanager
async def limiters(url: str, count: int, **timing: float) -> AsyncIterator[list[RedisLimiter]]:
    """Give limiters as of so many processes."""
    made = [RedisLimiter(url, **{"answer_s": PATIENT_S, **timing}) for _ in range(count)]
    try:
        yield made
    finally:
        await asyncio.gather(*(one.close() for one in made))


async def passed(made: list[RedisLimiter], tries: int) -> int:
    taken = await asyncio.gather(*(one.take("user", RATE) for _ in range(tries) for one in made))
    return sum(one.allowed for one in taken)


async def until(found: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(PATIENT_S):
        while not await found():  # noqa: ASYNC110 - another process tells no event
            await asyncio.sleep(0.01)


async def test_all_processes_count_together_and_all_that_is_kept_expires(valkey: Valkey):
    async with limiters(valkey.url, 3) as made, Redis.from_url(valkey.url) as client:
        assert await passed(made, ASKED_MAX + 1) == 100
        assert await made[0].hold("user", 1)
        assert await made[1].hold("user", 1) is None
        keys = await client.keys()
        assert sorted(keys) == [b"bestfill:held:user", b"bestfill:rate:user"]
        assert all([await client.pttl(key) > 0 for key in keys])


async def test_what_is_taken_ahead_is_counted_and_the_limit_is_kept_within_one_percent(valkey: Valkey):
    rate, tries = Rate(900, 86_400), 500
    async with limiters(valkey.url, 3) as made:
        passed = 0
        for _ in range(tries):  # one after the other, so that most are taken ahead
            passed += sum(taken.allowed for taken in await asyncio.gather(*(one.take("user", rate) for one in made)))
        assert 891 <= passed <= 909
        await until(lambda: _none(made, rate))


async def test_redis_hears_of_all_that_was_taken_ahead(valkey: Valkey):
    rate = Rate(3_000, 86_400)
    async with limiters(valkey.url, 1) as (limiter,), Redis.from_url(valkey.url) as client:
        for _ in range(25):
            assert (await limiter.take("user", rate)).allowed

        async def heard() -> bool:
            seconds, micros = await client.time()
            owed = int(await client.get("bestfill:rate:user") or 0) - (seconds * 1_000_000 + micros)
            return -(-owed // rate.interval) == 25

        await until(heard)


async def _none(made: list[RedisLimiter], rate: Rate) -> bool:
    return not any([(await one.take("user", rate)).allowed for one in made])


async def test_a_server_that_has_lost_the_script_is_told_it_again(valkey: Valkey, caplog: pytest.LogCaptureFixture):
    async with limiters(valkey.url, 1) as made, Redis.from_url(valkey.url) as client:
        assert await passed(made, 60) == 60
        await client.script_flush()
        assert await passed(made, 60) == 40
    assert not caplog.records


async def test_without_redis_each_process_gives_a_quarter_and_says_so_once(
    valkey: Valkey, caplog: pytest.LogCaptureFixture
):
    async with limiters(valkey.url, 3) as made:
        assert await passed(made, 1) == 3
        valkey.kill()
        assert await passed(made, 60) == 75
        assert await passed(made, 60) == 0
        assert (await made[0].take("few", Rate(3, 60))).allowed
        assert not (await made[0].take("few", Rate(3, 60))).allowed
        assert await made[0].hold("user", 4)
        assert await made[0].hold("user", 4) is None
    assert [(one.levelno, one.name) for one in caplog.records] == [
        (logging.WARNING, "bestfill_adapters.limits.redis")
    ] * 3


async def test_nobody_waits_for_a_server_that_hangs_until_it_answers_again(valkey: Valkey):
    async with limiters(valkey.url, 1, answer_s=0.05, retry_s=0) as (limiter,):
        valkey.pause()
        assert (await limiter.take("user", RATE)).limit == 25
        assert (await limiter.take("user", RATE)).limit == 25
        valkey.resume()

        async def common() -> bool:
            return (await limiter.take("user", RATE)).limit == 100

        await until(common)
        assert (await limiter.take("other", RATE)).remaining == 99


async def test_what_is_held_while_redis_is_away_is_known_there_when_it_is_back(valkey: Valkey):
    async with limiters(valkey.url, 2, retry_s=0, renew_s=0.01) as (one, other):
        valkey.kill()
        assert all([await one.hold("user", 12) for _ in range(3)])
        assert await one.hold("user", 12) is None
        valkey.start()

        async def full() -> bool:
            if held := await other.hold("user", 3):
                held.release()
            return held is None

        await until(full)


async def test_places_of_a_process_that_died_are_free_again_and_those_of_one_that_lives_are_not(valkey: Valkey):
    async with (
        limiters(valkey.url, 1, lease_s=0.2, renew_s=3_600) as (dead,),
        limiters(valkey.url, 2, renew_s=0.01) as (living, other),
        Redis.from_url(valkey.url) as client,
    ):
        assert await dead.hold("of-the-dead", 1)
        held = [await living.hold("of-the-living", 2 * TOLD_MAX) for _ in range(2 * TOLD_MAX)]
        assert all(held)
        (_, first), *_ = await client.zrange("bestfill:held:of-the-living", 0, 0, withscores=True)

        async def renewed() -> bool:
            (_, least), *_ = await client.zrange("bestfill:held:of-the-living", 0, 0, withscores=True)
            return least > first + 100_000  # the last of them too, in rounds of their own

        async def free() -> bool:
            return await other.hold("of-the-dead", 1) is not None

        await until(free)
        await until(renewed)
        assert await other.hold("of-the-living", 2 * TOLD_MAX) is None


async def test_who_leaves_while_asking_for_a_place_holds_none(valkey: Valkey):
    async with limiters(valkey.url, 1) as (limiter,):
        leaving = asyncio.create_task(limiter.hold("user", 1))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([leaving])
        assert await limiter.hold("user", 1)


async def test_a_closed_limiter_counts_alone_and_keeps_nobody_waiting(valkey: Valkey):
    async with limiters(valkey.url, 1) as (limiter,):
        valkey.pause()
        waiting = asyncio.create_task(limiter.take("user", RATE))
        await asyncio.sleep(0)
        closing = asyncio.create_task(limiter.close())
        await asyncio.sleep(0)
        assert (await limiter.take("user", RATE)).limit == 25
        valkey.resume()
        await closing
        assert (await waiting).allowed


@pytest.mark.parametrize("steps", range(8))
async def test_a_place_that_nobody_waits_for_any_more_is_free(valkey: Valkey, steps: int):
    async with limiters(valkey.url, 1) as (limiter,):
        under_way = asyncio.create_task(limiter.take("ip", Rate(5, 60)))
        for _ in range(steps):
            await asyncio.sleep(0)
        leaves = asyncio.create_task(limiter.hold("user", 1))
        await asyncio.sleep(0)
        leaves.cancel()
        await under_way
        await asyncio.wait([leaves])
        assert await limiter.hold("user", 1)


async def test_after_the_end_nothing_is_taken_ahead(valkey: Valkey):
    rate = Rate(3_000, 86_400)
    async with limiters(valkey.url, 1) as (limiter,):
        assert (await limiter.take("user", rate)).allowed
        assert limiter.take_at_once("user", rate)
        await limiter.close()
        assert limiter.take_at_once("user", rate) is None
