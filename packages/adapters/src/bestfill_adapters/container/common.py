"""What both modes make in the same way."""

import secrets

from bestfill.policy import ExecutionPolicy
from bestfill_adapters.settings import Settings


def make_policy(settings: Settings) -> ExecutionPolicy:
    """Make the policy that the settings ask for."""
    return ExecutionPolicy(
        max_slippage_bps=settings.max_slippage_bps,
        order_ttl_ms=settings.order_ttl_ms,
        quote_timeout_ms=settings.quote_timeout_ms,
    )


def make_seed(settings: Settings) -> str:
    """Give the mocks' seed, or draw one.

    Processes need not have the same one: a quote's payload says all of it, and what became of a swap is in the ledger.
    """
    return settings.mock.seed or secrets.token_hex(16)
