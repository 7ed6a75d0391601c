"""Taking from a limit in the name of a request."""

from bestfill.errors import RateLimited
from bestfill_adapters.limits import Limiter, Rate
from bestfill_api.edge.visit import Visit


async def take(limiter: Limiter, visit: Visit, bucket: str, rate: Rate) -> None:
    """Take one from a bucket; what is left will be told with the answer.

    Raises:
        RateLimited: nothing was left.
    """
    taken = limiter.take_at_once(bucket, rate) or await limiter.take(bucket, rate)
    visit.note(taken)
    if not taken.allowed:
        why = f"more than {rate.count} in {rate.per_s} s; wait, then go on"
        raise RateLimited(why, max(1, taken.retry_after_s), bucket.partition(":")[0])


class Allowance:
    """How many of a kind, such as `orders`, somebody may ask for; None is as many as they like."""

    def __init__(self, kind: str, limiter: Limiter, rate: Rate | None) -> None:
        self._kind, self._limiter, self._rate = kind, limiter, rate

    async def take(self, visit: Visit, whose: str) -> None:
        """Take one of theirs.

        Raises:
            RateLimited: nothing was left.
        """
        if self._rate is not None:
            await take(self._limiter, visit, f"{self._kind}:{whose}", self._rate)
