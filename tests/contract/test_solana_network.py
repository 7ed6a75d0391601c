"""The network of Solana keeps the contract of a network, on a cluster whose time the test owns."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bestfill.testing.contracts import network as contract
from tests.unit.adapters.solana.desk import Desk
from tools.cluster.cluster import VENUES

ROUTES = {
    "SOL in": ("SOL", "tUSD", *VENUES[:1]),
    "SOL out, two legs": ("tUSD", "SOL", *VENUES),
    "tokens": ("tBTC", "tUSD", *VENUES[1:]),
}


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES.keys())
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
async def test_contract(
    check: Callable[[contract.Subject], Awaitable[None]], route: tuple[str, ...], tmp_path: Path
) -> None:
    desk = await Desk(tmp_path, skipped=0.1, nodes=2).start()

    async def settle() -> None:
        desk.slots(8)

    async def expire() -> None:
        desk.slots(190)

    await check(contract.Subject(desk.network, await desk.plan(*route), settle, expire))
    await desk.gateway.close()
