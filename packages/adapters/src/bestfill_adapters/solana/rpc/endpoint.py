"""One endpoint of several: when it may be asked, and whether it is well. It is named by its number, never its URL."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

import httpx
import msgspec

from bestfill.ports import Clock
from bestfill.units import Millis
from bestfill_adapters.solana.rpc.fault import Fault
from bestfill_adapters.solana.rpc.pace import Pace
from bestfill_adapters.solana.rpc.post import LONGEST_RETRY_AFTER_MS, Door

TRY_S: Final = 2.0
"""How long one try may take."""
SLOW_MS: Final = 1_000
"""Who is given up on after this long without an answer counts as failing, though it was somebody else's limit."""

_FIRST_REST_MS: Final = 500
_LONGEST_REST_MS: Final = 30_000

T = TypeVar("T")
log = logging.getLogger(__name__)


class Endpoint:
    """Asks one node. One that fails rests, each time for twice as long; who asks decides whether to heed that."""

    def __init__(
        self,
        name: str,
        url: str,
        transport: httpx.AsyncBaseTransport,
        clock: Clock,
        *,
        per_s: int,
        try_s: float = TRY_S,
    ) -> None:
        self.name = name
        self._door, self._clock, self._try_s = Door(url, transport, clock, try_s), clock, try_s
        self._pace = Pace(per_s)
        self._failures = 0
        self._rests_until = self._barred_until = Millis(0)

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def rest_ms(self) -> int:
        """For how long others should be asked first; 0 if it is well."""
        return _left(self._rests_until, self._clock.now(), _LONGEST_REST_MS)

    @property
    def wait_ms(self) -> int:
        """How long a request would have to wait for its turn."""
        now = self._clock.now()
        return max(_left(self._barred_until, now, LONGEST_RETRY_AFTER_MS), self._pace.next(now) - now)

    async def ask(self, method: str, params: Callable[[], list[object]], max_bytes: int) -> msgspec.Raw:
        """Wait for a turn, and give the result. What is asked is settled as the request goes out.

        Raises:
            Fault: there is none.
        """
        return await self._in_turn(lambda: self._door.ask(method, params(), max_bytes))

    async def ask_at_once(self, asked: Mapping[str, list[object]], max_bytes: int) -> list[msgspec.Raw]:
        """Wait for a turn, and give the results of several methods, by one node in one request; raises likewise."""
        return await self._in_turn(lambda: self._door.ask_at_once(asked, max_bytes))

    async def _in_turn(self, ask: Callable[[], Awaitable[T]]) -> T:
        now = self._clock.now()
        turn = self._pace.reserve(Millis(now + _left(self._barred_until, now, LONGEST_RETRY_AFTER_MS)))
        await self._clock.sleep_until(turn)
        began = self._clock.now()
        if self._failures:
            # This request finds out whether it is well again; those that come meanwhile should ask others.
            self._rests_until = max(self._rests_until, Millis(began + int(1_000 * self._try_s)))
        try:
            async with asyncio.timeout(self._try_s):
                return await ask()
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            if self._clock.now() - began >= SLOW_MS:
                self.failed(Fault("did not answer in time"))
            raise
        raise Fault(f"did not answer within {self._try_s:g} s")

    def failed(self, fault: Fault) -> None:
        """Let it rest, if it is not well, and leave it alone, if it was asked too often."""
        now = self._clock.now()
        if fault.ails:
            if not self._failures:
                log.warning("an RPC endpoint fails", extra={"endpoint": self.name, "reason": fault.reason})
            self._failures += 1
            self._rests_until = Millis(now + self._rest())
        if fault.wait_until is not None or fault.slow_down:
            self._barred_until = max(self._barred_until, fault.wait_until or Millis(now + self._rest()))

    def worked(self) -> None:
        """Remember that it answered as it should."""
        if self._failures:
            log.info("an RPC endpoint works again", extra={"endpoint": self.name})
        self._failures, self._rests_until = 0, Millis(0)

    def _rest(self) -> int:
        return min(_FIRST_REST_MS << min(self._failures - 1, 10), _LONGEST_REST_MS) if self._failures else 0


def _left(until: Millis, now: Millis, longest_ms: int) -> int:
    """Give the span that is left; none, if it is longer than it can have been: the clock was set back."""
    left = max(0, until - now)
    return left if left <= longest_ms else 0
