"""The limiter of one process forgets what it need not know, and never runs out of memory."""

from bestfill_adapters.limits import Rate
from bestfill_adapters.limits.memory import MemoryLimiter

SECOND = 1_000_000


class Hand:
    """A clock that is set by hand."""

    now = 0

    def __call__(self) -> int:
        return self.now


def test_buckets_that_are_full_again_are_forgotten():
    clock = Hand()
    limiter = MemoryLimiter(clock)
    for n in range(100_000):
        clock.now += SECOND // 100
        assert limiter.take_at_once(f"ip:{n}", Rate(10, 10)).allowed
    assert len(limiter) <= 1_000


def test_a_crowd_makes_it_forget_the_crowd_and_nobody_who_is_over_a_limit():
    limiter = MemoryLimiter(Hand(), buckets_max=1_000)
    for _ in range(11):
        over = limiter.take_at_once("ip:greedy", Rate(10, 10))
    assert not over.allowed
    for n in range(20_000):
        limiter.take_at_once(f"ip:{n}", Rate(10, 10))
        assert len(limiter) <= 1_000
    assert not limiter.take_at_once("ip:greedy", Rate(10, 10)).allowed


async def test_places_given_back_leave_nothing():
    limiter = MemoryLimiter()
    for n in range(1_000):
        place = await limiter.hold(f"user-{n}", 1)
        assert place
        place.release()
    assert len(limiter) == 0
