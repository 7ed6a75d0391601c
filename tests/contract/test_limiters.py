"""The limiters keep one contract, whether they count in this process or on Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bestfill_adapters.limits import Limiter, Rate, Taken
from bestfill_adapters.limits.memory import MemoryLimiter
from bestfill_adapters.limits.redis import RedisLimiter

PATIENT_S = 20.0
"""However busy this machine is, Redis is not given up."""


@pytest.fixture(params=["memory", "redis"])
async def limiter(request: pytest.FixtureRequest) -> AsyncIterator[Limiter]:
    if request.param == "memory":
        yield MemoryLimiter()
        return
    limiter = RedisLimiter(request.getfixturevalue("redis_url"), answer_s=PATIENT_S)
    try:
        yield limiter
    finally:
        await limiter.close()


async def test_a_bucket_gives_so_many_and_says_what_is_left(limiter: Limiter):
    rate = Rate(3, 3_600)
    assert [await limiter.take("a", rate) for _ in range(4)] == [
        Taken(True, 3, 2, 1_200),
        Taken(True, 3, 1, 2_400),
        Taken(True, 3, 0, 3_600),
        Taken(False, 3, 0, 3_600, 1_200),
    ]


async def test_buckets_do_not_touch_each_other_whatever_their_names(limiter: Limiter):
    rate = Rate(1, 3_600)
    for name in ("a", "a ", "A", "", "a\0", "a:b", "ключ", "\ud800", "x" * 5_000, "{a}", "*"):
        assert (await limiter.take(name, rate)).allowed
        assert not (await limiter.take(name, rate)).allowed
        place = await limiter.hold(name, 1)
        assert place and await limiter.hold(name, 1) is None


async def test_of_a_crowd_exactly_so_many_pass(limiter: Limiter):
    taken = await asyncio.gather(*(limiter.take("crowd", Rate(100, 86_400)) for _ in range(1_700)))
    assert sum(one.allowed for one in taken) == 100


async def test_what_is_taken_at_once_is_taken_from_the_same(limiter: Limiter):
    rate, passed, at_once = Rate(1_000, 86_400), 0, 0
    for _ in range(1_200):
        taken = limiter.take_at_once("user", rate)
        at_once += taken is not None
        passed += (taken or await limiter.take("user", rate)).allowed
    assert passed == 1_000 and at_once > 0


async def test_what_comes_back_can_be_taken(limiter: Limiter):
    rate = Rate(10_000, 1)
    async with asyncio.timeout(PATIENT_S):
        assert (await limiter.take("quick", Rate(1, 1))).allowed
        while not (await limiter.take("quick", rate)).allowed:
            pass


async def test_places_are_held_until_they_are_given_back_once(limiter: Limiter):
    one, other = await limiter.hold("user", 2), await limiter.hold("user", 2)
    assert one and other and await limiter.hold("user", 2) is None
    one.release()
    one.release()
    again = await limiter.hold("user", 2)
    assert again and await limiter.hold("user", 2) is None


async def test_of_a_crowd_exactly_so_many_hold_a_place(limiter: Limiter):
    held = await asyncio.gather(*(limiter.hold("crowd", 30) for _ in range(200)))
    assert sum(one is not None for one in held) == 30
