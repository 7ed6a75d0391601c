"""Meteora DAMM v2: one range of constant liquidity, with a fee on the output or on the side of token B.

Exact against the program's build of March 2026, for pools with one constant base fee. Fee schedules, rate limiters,
compounding pools and Token-2022 mints are refused. The program accepts a swap that pays nothing, so that an output of
0 is a quote here: whoever swaps must ask for a minimum.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from bestfill.units import U64_MAX
from bestfill_adapters.solana.account import Account, Refused, Snapshot, checked, discriminator
from bestfill_adapters.solana.market import Priced
from bestfill_adapters.solana.quoting.amounts import ceil_div, check_input, part_bps, vault_balance

PROGRAM: Final = "cpamdpZCGKUy5JxQXB4dcpGPiikHawvSWAd6mEn1sGG"
AUTHORITY: Final = "HLnpSz9h2S4hiLQ43rnSD9XkcUThA7B8hQMKmDaiTLcC"
"""The owner of every vault."""

BILLION: Final = 10**9
_POOL = discriminator("Pool")
_MOST_FEE: Final = (500_000_000, 990_000_000)
"""The highest fee of a billion, by fee version."""
_U128_MAX: Final = 2**128 - 1
_SQUARE: Final = 2**128
"""One, as a product of two Q64.64 numbers."""


@frozen(kw_only=True)
class Pool:
    """What a pool's account says; pairs are of sides A and B, and square roots of the price are Q64.64.

    `fee_rate` is of a billion. The pool is open from `opens_at`, a slot if `opens_by_slot`, else unix seconds.
    """

    mints: tuple[str, str]
    vaults: tuple[str, str]
    liquidity: int
    sqrt_min: int
    sqrt_max: int
    sqrt_price: int
    fee_rate: int
    fee_on_input_of_b: bool
    opens_at: int
    opens_by_slot: bool
    enabled: bool


def read_pool(account: Account) -> Pool:
    """Read a pool's account.

    Raises:
        Refused: it is no pool, or one that works by rules that are not known here.
    """
    checked(account, PROGRAM, 1112, _POOL)
    # Seven single bytes in a row; the pool's type, 0 or 1, makes no difference to a swap.
    opens_by, status, token_a, token_b, fee_mode, pool_type, fee_version = account.data[480:487]
    if account.unsigned(16, 1) or account.unsigned(22, 2) or account.unsigned(24, 8) or account.unsigned(32, 8):
        raise Refused("fee_schedule", "the pool's fee changes by a schedule or by the amount, which is not understood")
    if fee_mode > 1 or account.unsigned(54, 2):
        raise Refused("fee_mode", "the pool collects its fees in a way that is not understood")
    if token_a or token_b:
        raise Refused("token_program", "a token of the pool is of another program than SPL Token")
    if fee_version >= len(_MOST_FEE):
        raise Refused("fee_version", f"the pool's fees are of a version that is not known: {fee_version}")
    if opens_by > 1 or pool_type > 1:
        raise Refused("unknown_kind", "the pool is of a kind that is not known")
    sqrt_min, sqrt_max, sqrt_price = (account.unsigned(offset, 16) for offset in (424, 440, 456))
    if not 0 < sqrt_min <= sqrt_price <= sqrt_max:
        raise Refused("price_range", "the pool's price is outside of its range")
    return Pool(
        mints=(account.address(168), account.address(200)),
        vaults=(account.address(232), account.address(264)),
        liquidity=account.unsigned(360, 16),
        sqrt_min=sqrt_min,
        sqrt_max=sqrt_max,
        sqrt_price=sqrt_price,
        fee_rate=min(account.unsigned(8, 8) + _dynamic_fee(account), _MOST_FEE[fee_version]),
        fee_on_input_of_b=fee_mode == 1,
        opens_at=account.unsigned(472, 8),
        opens_by_slot=opens_by == 0,
        enabled=status == 0,
    )


def quote(pool: str, snapshot: Snapshot, amount_in: int, *, forward: bool) -> Priced:
    """Say what a swap gives, which may be 0.

    Raises:
        Refused: the pool is not fully understood, or its program would refuse the swap.
    """
    state = read_pool(snapshot.get(pool))
    if not state.enabled:
        raise Refused("pool_disabled", "the pool is switched off")
    if (snapshot.slot if state.opens_by_slot else snapshot.now) < state.opens_at:
        raise Refused("not_open", "the pool is not open yet")
    balances = [
        vault_balance(snapshot.get(vault), mint, AUTHORITY)
        for vault, mint in zip(state.vaults, state.mints, strict=True)
    ]
    check_input(amount_in, balances[0 if forward else 1])
    if not state.liquidity:
        raise Refused("no_liquidity", "the pool is empty")
    fee_on_output = forward or not state.fee_on_input_of_b
    fee = 0 if fee_on_output else ceil_div(amount_in * state.fee_rate, BILLION)
    net = amount_in - fee
    gross, impact_bps = _a_to_b(state, net) if forward else _b_to_a(state, net)
    if gross > U64_MAX:
        raise Refused("output_overflow", "the swap would pay more than an amount can be")
    if fee_on_output:
        fee = ceil_div(gross * state.fee_rate, BILLION)
    amount_out = gross - fee if fee_on_output else gross
    if amount_out > balances[1 if forward else 0]:
        raise Refused("vault_short", "the pool's vault holds less than the swap would pay")
    return Priced(
        amount_out=amount_out,
        fee=fee,
        fee_on_output=fee_on_output,
        fee_bps=part_bps(fee, gross if fee_on_output else amount_in),
        price_impact_bps=impact_bps,
    )


def replay(
    accounts: Mapping[str, Account], roles: Mapping[str, object], *, forward: bool, amount_in: int, now: int
) -> Priced:
    """Price a recorded swap; `roles` names the pool, whose bytes name the rest."""
    # A recording has no slot. Slots are far fewer than seconds since 1970, so a pool that opens by slot counts as open.
    return quote(str(roles["pool"]), Snapshot(slot=now, now=now, accounts=accounts), amount_in, forward=forward)


def _dynamic_fee(account: Account) -> int:
    """Give what volatility adds to the fee rate; the accumulator counts as stored, whatever the time."""
    initialized = account.unsigned(56, 1)
    if initialized > 1:
        raise Refused("dynamic_fee", "the pool's dynamic fee is of a kind that is not known")
    if not initialized:
        return 0
    control, bin_step, accumulator = account.unsigned(68, 4), account.unsigned(72, 2), account.unsigned(120, 16)
    square = (accumulator * bin_step) ** 2
    if max(square, square * control + 10**11 - 1) > _U128_MAX:
        raise Refused("dynamic_fee", "the pool's dynamic fee is greater than its program can count")
    dynamic = ceil_div(square * control, 10**11)
    if account.unsigned(8, 8) + dynamic > U64_MAX:
        raise Refused("dynamic_fee", "the pool's dynamic fee is greater than its program can count")
    return dynamic


def _a_to_b(state: Pool, net: int) -> tuple[int, int]:
    """Move the price down: what comes out before a fee on it, and the price impact."""
    liquidity, price = state.liquidity, state.sqrt_price
    after = ceil_div(liquidity * price, liquidity + net * price)
    if after < state.sqrt_min:
        raise Refused("price_range", "the pool has not so much to give within its price range")
    gross = liquidity * (price - after) // _SQUARE
    # The price before the swap would have paid net · price² / 2¹²⁸.
    ideal = net * price * price
    return gross, part_bps(ideal - gross * _SQUARE, ideal)


def _b_to_a(state: Pool, net: int) -> tuple[int, int]:
    """Move the price up, likewise."""
    liquidity, price = state.liquidity, state.sqrt_price
    after = price + net * _SQUARE // liquidity
    if after > state.sqrt_max:
        raise Refused("price_range", "the pool has not so much to give within its price range")
    gross = liquidity * (after - price) // (price * after)
    ideal = net * _SQUARE
    return gross, part_bps(ideal - gross * price * price, ideal)
