"""When to try again, and how often to ask the chain."""

from typing import Final

from bestfill.units import Millis

FIRST_WAIT_MS: Final = 1_000
LONGEST_WAIT_MS: Final = 30_000
PERMILLE: Final = 1_000


def backoff_ms(attempt: int, jitter: int) -> Millis:
    """Give the wait after a failed attempt: 1 s, 2 s, 4 s … at most 30 s, shortened by up to a fifth.

    Args:
        attempt: the number of the attempt that failed, from 1.
        jitter: chance, 0 … 999, so that orders which failed together do not come back together.
    """
    full = min(LONGEST_WAIT_MS, FIRST_WAIT_MS << min(attempt - 1, 10))
    return Millis(full - full * jitter // (5 * PERMILLE))


def poll_wait_ms(polls: int, first_ms: int, longest_ms: int) -> Millis:
    """Give the wait after the n-th question about a signature (from 1): growing by half, up to `longest_ms`."""
    return Millis(min(longest_ms, first_ms * 3 ** min(polls - 1, 20) // 2 ** min(polls - 1, 20)))
