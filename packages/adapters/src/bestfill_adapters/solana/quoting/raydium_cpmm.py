"""Raydium CPMM: a constant product of two reserves, with a fee on the input.

Exact against the program's build of February 2025, which knows no creator fees. A pool that has them is refused.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from bestfill_adapters.solana.account import SPL_TOKEN, Account, Refused, Snapshot, checked, discriminator
from bestfill_adapters.solana.market import Priced
from bestfill_adapters.solana.quoting.amounts import ceil_div, check_input, check_output, part_bps, vault_balance

PROGRAM: Final = "CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C"
AUTHORITY: Final = "GpMZbSM2GgvTKHJirzeGfMFoaZ8UR2X7F4v8vHTvxFbL"
"""The owner of every vault."""

MILLION: Final = 10**6
_POOL, _CONFIG = discriminator("PoolState"), discriminator("AmmConfig")
_SWAPS_OFF = 0b100


@frozen(kw_only=True)
class Pool:
    """What a pool's account says; pairs are of sides 0 and 1.

    `accrued` is what of each vault is owed to the protocol and the fund, and so no part of the reserve. `status` has a
    bit for each thing that is switched off; those that do not concern swaps make no difference.
    """

    config: str
    vaults: tuple[str, str]
    mints: tuple[str, str]
    observation: str
    accrued: tuple[int, int]
    status: int
    open_time: int


def read_pool(account: Account) -> Pool:
    """Read a pool's account.

    Raises:
        Refused: it is no pool, or one that works by rules that are not known here.
    """
    checked(account, PROGRAM, 637, _POOL)
    if (account.address(232), account.address(264)) != (SPL_TOKEN, SPL_TOKEN):
        raise Refused("token_program", "a token of the pool is of another program than SPL Token")
    if account.unsigned(390, 1) or account.unsigned(397, 8) or account.unsigned(405, 8):
        raise Refused("creator_fees", "the pool takes fees for its creator, which are not understood")
    return Pool(
        config=account.address(8),
        vaults=(account.address(72), account.address(104)),
        mints=(account.address(168), account.address(200)),
        observation=account.address(296),
        accrued=(
            account.unsigned(341, 8) + account.unsigned(357, 8),
            account.unsigned(349, 8) + account.unsigned(365, 8),
        ),
        status=account.unsigned(329, 1),
        open_time=account.unsigned(373, 8),
    )


def quote(pool: str, snapshot: Snapshot, amount_in: int, *, forward: bool) -> Priced:
    """Say what a swap gives.

    Raises:
        Refused: the pool is not fully understood, or its program would refuse the swap; also if nothing comes out.
    """
    state = read_pool(snapshot.get(pool))
    if state.status & _SWAPS_OFF:
        raise Refused("swaps_disabled", "the pool's swaps are switched off")
    if snapshot.now < state.open_time:
        raise Refused("not_open", "the pool is not open yet")
    trade_rate = _trade_rate(snapshot.get(state.config))
    balances = [
        vault_balance(snapshot.get(vault), mint, AUTHORITY)
        for vault, mint in zip(state.vaults, state.mints, strict=True)
    ]
    into, out_of = (0, 1) if forward else (1, 0)
    check_input(amount_in, balances[into])
    reserve_in, reserve_out = (balances[side] - state.accrued[side] for side in (into, out_of))
    if reserve_in < 0 or reserve_out < 0:
        raise Refused("accrued_fees", "a vault of the pool holds less than the fees that are owed out of it")
    if not reserve_in or not reserve_out:
        raise Refused("no_liquidity", "the pool is empty")
    fee = ceil_div(amount_in * trade_rate, MILLION)
    net = amount_in - fee
    amount_out = net * reserve_out // (reserve_in + net)
    check_output(amount_out, balances[out_of])
    return Priced(
        amount_out=amount_out,
        fee=fee,
        fee_bps=part_bps(fee, amount_in),
        # The price before the swap would have paid net · reserve_out / reserve_in.
        price_impact_bps=part_bps(net * reserve_out - amount_out * reserve_in, net * reserve_out),
    )


def replay(
    accounts: Mapping[str, Account], roles: Mapping[str, object], *, forward: bool, amount_in: int, now: int
) -> Priced:
    """Price a recorded swap; `roles` names the pool, whose bytes name the rest."""
    return quote(str(roles["pool"]), Snapshot(slot=now, now=now, accounts=accounts), amount_in, forward=forward)


def _trade_rate(config: Account) -> int:
    rate = checked(config, PROGRAM, 236, _CONFIG).unsigned(12, 8)
    if rate > MILLION:
        raise Refused("fee_rate", "the pool's fee is more than the whole input")
    return rate
