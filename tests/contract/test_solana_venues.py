"""Venues on Solana keep the contract of a venue: real ones over recorded accounts, the cluster's over a cluster."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bestfill.testing.contracts import venue as contract
from tests.unit.adapters.solana.desk import Desk
from tests.unit.adapters.solana.golden import Golden
from tools.cluster.cluster import VENUES

GOLDEN = {
    "raydium_cpmm": ("std_25bps_9_6", 10**9, 10**8),
    "raydium_clmm": ("main_4bps_s10_9_6", 10**9, 10**8),
    "meteora_dlmm": ("sol_usdc_capture", 10**9, 10**8),
    "meteora_damm_v2": ("sol_usdc_25bps", 10**9, 10**8),
}
"""A pool that trades both ways, and an amount for each."""


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
async def test_real_venues(check: Callable[[contract.Subject], Awaitable[None]], name: str, *, forward: bool) -> None:
    pool, *amounts = GOLDEN[name]
    golden = await Golden(name, pool).start()
    await check(contract.Subject(golden.venue, golden.request(amounts[not forward], forward=forward)))


@pytest.mark.parametrize("pair", [("SOL", "tUSD"), ("tUSD", "tBTC")], ids="-".join)
@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
async def test_the_cluster_s_venues(
    check: Callable[[contract.Subject], Awaitable[None]], name: str, pair: tuple[str, str], tmp_path: Path
) -> None:
    desk = await Desk(tmp_path).start()
    await check(contract.Subject(desk.venues[name], desk.request(*pair)))
