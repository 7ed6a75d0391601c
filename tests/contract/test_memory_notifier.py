"""The in-process notifier keeps the contract of a notifier."""

from collections.abc import Awaitable, Callable

import pytest

from bestfill.ports import Notifier
from bestfill.testing.contracts import notifier as contract
from bestfill_adapters.memory import MemoryNotifier


@pytest.mark.parametrize("buffer", [1_000, 100_000], ids=["small buffer", "large buffer"])
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
async def test_contract(check: Callable[[Notifier], Awaitable[None]], buffer: int):
    await check(MemoryNotifier(buffer))
