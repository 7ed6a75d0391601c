"""The in-memory ports of bestfill.testing keep the ports' promises themselves."""

import pytest

from bestfill.order import Order
from bestfill.quote import Leg, SwapPlan
from bestfill.testing import contracts, samples
from bestfill.testing.fakes import FakeNetwork, FakeNotifier
from bestfill.testing.store import MemoryStore
from bestfill.units import BaseUnits


def named(check: object) -> str:
    return getattr(check, "__name__", str(check))


@pytest.mark.parametrize("check", contracts.store.CHECKS, ids=named)
async def test_memory_store(check):
    await check(MemoryStore())


@pytest.mark.parametrize("check", contracts.notifier.CHECKS, ids=named)
async def test_fake_notifier(check):
    await check(FakeNotifier())


@pytest.mark.parametrize("check", contracts.network.CHECKS, ids=named)
async def test_fake_network(check):
    network = FakeNetwork()

    async def settle() -> None:
        network.block_height += 1

    async def expire() -> None:
        network.block_height += network.window + 1

    await check(contracts.network.Subject(network, plan(samples.new_order()[0]), settle, expire))


def plan(order: Order) -> SwapPlan:
    pair = {"input_mint": order.token_in, "output_mint": order.token_out, "amount_in": order.amount_in}
    leg = Leg(venue="raydium", **pair, min_out=BaseUnits(200_000_000), payload=b"213000000")
    return SwapPlan(order_id=order.id, attempt=1, **pair, min_out=leg.min_out, route=(leg,))
