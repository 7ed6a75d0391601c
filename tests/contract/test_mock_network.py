"""The mock network keeps the contract of a network, however long swaps take and whatever keeps its ledger."""

from collections.abc import Awaitable, Callable

import pytest

from bestfill.testing.clock import ManualClock
from bestfill.testing.contracts import network as contract
from bestfill_adapters.mock.blocks import SLOT_MS, WINDOW
from tests.unit.adapters.mock.chain import network, plan, split


@pytest.mark.parametrize("route", [plan(), split(plan())], ids=["one leg", "two legs"])
@pytest.mark.parametrize("confirm_ms", [(0, 0), (2_000, 3_000)], ids=["at once", "founding latency"])
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
async def test_contract(check: Callable[[contract.Subject], Awaitable[None]], confirm_ms: tuple[int, int], route):
    clock = ManualClock()

    async def settle() -> None:
        clock.advance(confirm_ms[1])

    async def expire() -> None:
        clock.advance((WINDOW + 1) * SLOT_MS)

    await check(contract.Subject(network(clock, confirm_ms=confirm_ms), route, settle, expire))
