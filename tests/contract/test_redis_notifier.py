"""The Redis notifier keeps the contract of a notifier."""

from collections.abc import Awaitable, Callable

import pytest

from bestfill.ports import Notifier
from bestfill.testing.contracts import notifier as contract
from bestfill_adapters.redis import RedisNotifier


@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
async def test_contract(check: Callable[[Notifier], Awaitable[None]], redis_url: str):
    notifier = RedisNotifier(redis_url)
    try:
        await check(notifier)
    finally:
        await notifier.close()
