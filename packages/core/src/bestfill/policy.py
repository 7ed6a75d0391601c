"""The numbers by which orders are executed."""

from functools import cached_property

from attrs import field, frozen
from attrs.validators import ge

from bestfill.units import Bps


@frozen(kw_only=True)
class ExecutionPolicy:
    """How long steps may take, how often they are tried; times in milliseconds.

    `lease_ms` must outlast every step between two commits, or a second worker takes over while the first still
    works: wasteful, though never unsafe.
    """

    max_attempts: int = field(default=3, validator=ge(1))
    max_slippage_bps: Bps = Bps(1_000)
    order_ttl_ms: int = 300_000
    quote_timeout_ms: int = field(default=5_000, validator=ge(1))
    quote_ttl_ms: int = 10_000
    """A swap is never signed on an older quote."""
    build_timeout_ms: int = 5_000
    network_timeout_ms: int = 3_000
    resend_ms: int = 2_000
    first_poll_ms: int = 50
    longest_poll_ms: int = 250
    polls_per_s: int = field(default=5_000, validator=ge(1))
    """How often a process asks the network about swaps, all its orders together: the more it has in hand, the seldomer
    it asks about each."""
    unanswered_ms: int = 300_000
    """After this long without knowing whether a swap landed or is dead, a person is asked."""
    early_ms: int = 500
    """How long before an order is due a worker that was woken for it waits, instead of leaving it to the sweep."""
    attention_poll_ms: int = 60_000
    """How often to ask again about a swap whose fate nobody could tell."""

    @cached_property
    def lease_ms(self) -> int:
        """By when a step must have been committed."""
        return max(10_000, 2 * max(self.quote_timeout_ms, self.build_timeout_ms))
