"""Meteora DLMM: bins of constant price, walked through one after another, with a fee that grows with volatility.

Exact against the program's build of May 2026, limit orders and fees on the output included. Pairs with Token-2022
mints, with permissions or an activation, and prices beyond the pair's own bitmap are refused.
"""

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from bestfill.units import BPS, U64_MAX
from bestfill_adapters.solana.account import Account, Refused, Snapshot, checked, discriminator
from bestfill_adapters.solana.market import Priced
from bestfill_adapters.solana.quoting.amounts import ceil_div, check_input, check_output, part_bps, vault_balance
from bestfill_adapters.solana.quoting.arrays import array_order, find_array, recorded_arrays
from bestfill_adapters.solana.quoting.bins import (
    BILLION,
    BINS,
    Q64,
    U128_MAX,
    Bin,
    FeeCurve,
    bins,
    check_array,
    price_of,
)

PROGRAM: Final = "LBUZKhRxPF3XUpBCjp4YzTKgLccjZhTSDM9YuVaPwxo"

_PAIR_BYTES: Final = 904
_PAIR: Final = discriminator("LbPair")
_U32_MAX: Final = 2**32 - 1
_NO_MINT: Final = bytes(32)
_LIMIT_ORDERS: Final = 2


@frozen(kw_only=True)
class Pair:
    """What a pair's account says; twos are of sides X and Y. `orders`: whether its bins have limit orders.

    The volatility is as stored, so as of `updated`, in unix seconds; periods are in seconds. `end_ids` are the lowest
    and the highest bin, beyond which no swap goes.
    """

    mints: tuple[str, str]
    reserves: tuple[str, str]
    oracle: str
    active_id: int
    end_ids: tuple[int, int]
    bin_step: int
    bitmap: bytes = field(repr=False)
    fee_on_y: bool
    orders: bool
    base_rate: int
    control: int
    most_volatility: int
    volatility: int
    volatility_reference: int
    index_reference: int
    updated: int
    filter_period: int
    decay_period: int
    reduction_factor: int

    @property
    def active_array(self) -> int:
        """The index of the array that the active bin is in."""
        return self.active_id // BINS


def read_mints(account: Account) -> tuple[str, str]:
    """Give a pair's mints X and Y, whether or not it can be quoted.

    Raises:
        Refused: it is no pair.
    """
    checked(account, PROGRAM, _PAIR_BYTES, _PAIR)
    return account.address(88), account.address(120)


def read_pair(account: Account) -> Pair:
    """Read a pair's account.

    Raises:
        Refused: it is no pair, or one whose rules are not all known here.
    """
    mints = read_mints(account)
    data = account.data
    power, function, fee_mode = data[34:37]
    if data[82]:
        raise Refused("pool_disabled", "the pair is switched off")
    if data[75]:
        raise Refused("pair_type", f"the pair is of a type that is not understood: {data[75]}")
    if account.unsigned(816, 8) or data[86] > 1:
        raise Refused("activation_point", "the pair has an activation, which is not understood")
    if data[880] or data[881]:
        raise Refused("token_program", "a token of the pair is of another program than SPL Token")
    if fee_mode > 1:
        raise Refused("collect_fee_mode", f"the pair collects its fees in a way that is not known: {fee_mode}")
    if function > _LIMIT_ORDERS:
        raise Refused("function_type", f"the pair has a function that is not known: {function}")
    bin_step = account.unsigned(80, 2)
    base_rate = account.unsigned(8, 2) * bin_step * 10 * 10**power
    if not bin_step:
        raise Refused("bin_step", "the pair's bins have no step")
    if max(base_rate, 10**power) > U128_MAX:
        raise Refused("fee_overflow", "the pair's fee is greater than its program can count")
    return Pair(
        mints=mints,
        reserves=(account.address(152), account.address(184)),
        oracle=account.address(552),
        active_id=account.signed(76, 4),
        end_ids=(account.signed(24, 4), account.signed(28, 4)),
        bin_step=bin_step,
        bitmap=data[584:712],
        fee_on_y=fee_mode == 1,
        orders=function == _LIMIT_ORDERS or (not function and data[264:296] == data[408:440] == _NO_MINT),
        base_rate=base_rate,
        control=account.unsigned(16, 4),
        most_volatility=account.unsigned(20, 4),
        volatility=account.unsigned(40, 4),
        volatility_reference=account.unsigned(44, 4),
        index_reference=account.signed(48, 4),
        updated=account.signed(56, 8),
        filter_period=account.unsigned(10, 2),
        decay_period=account.unsigned(12, 2),
        reduction_factor=account.unsigned(14, 2),
    )


def fee_curve(pair: Pair, now: int) -> FeeCurve:
    """Say what fees a swap pays that begins now, in unix seconds.

    Raises:
        Refused: the program could not count the volatility (`fee_overflow`).
    """
    elapsed = now - pair.updated
    index, volatility = pair.index_reference, pair.volatility_reference
    if elapsed >= pair.filter_period:
        index, volatility = pair.active_id, 0
        if elapsed < pair.decay_period:
            scaled = pair.volatility * pair.reduction_factor
            if scaled > _U32_MAX:
                raise Refused("fee_overflow", "the pair's volatility is greater than its program can count")
            volatility = scaled // BPS
    return FeeCurve(
        base=pair.base_rate,
        control=pair.control,
        bin_step=pair.bin_step,
        index_reference=index,
        volatility_reference=volatility,
        most_volatility=pair.most_volatility,
    )


def quote(
    pool: str,
    snapshot: Snapshot,
    amount_in: int,
    arrays: Mapping[int, str],
    *,
    forward: bool,
    most_bins: int | None = None,
) -> Priced:
    """Say what a swap gives.

    Args:
        pool: the pair.
        snapshot: has the accounts of the pair, its reserves and its arrays.
        amount_in: base units.
        arrays: the addresses of the bin arrays that the swap may walk through, by index.
        forward: whether X is swapped for Y.
        most_bins: so many bins may pay for the swap; None is any number.

    Raises:
        Refused: the pair is not fully understood, or its program would refuse the swap; it does if nothing comes out.
    """
    pair = read_pair(snapshot.get(pool))
    balances = [
        vault_balance(snapshot.get(reserve), mint, pool)
        for reserve, mint in zip(pair.reserves, pair.mints, strict=True)
    ]
    check_input(amount_in, balances[0 if forward else 1])
    fee_on_output = pair.fee_on_y and forward
    gross, fee, used = _walk(pool, pair, snapshot, amount_in, arrays, forward=forward, most_bins=most_bins)
    amount_out, net = (gross - fee, amount_in) if fee_on_output else (gross, amount_in - fee)
    check_output(amount_out, balances[1 if forward else 0])
    # At the active bin's price, the net input would have paid this much. A bin's stored price may be better than that.
    price = price_of(pair.active_id, pair.bin_step)
    ideal, real = (net * price, gross * Q64) if forward else (net * Q64, gross * price)
    return Priced(
        amount_out=amount_out,
        fee=fee,
        fee_on_output=fee_on_output,
        fee_bps=part_bps(fee, gross if fee_on_output else amount_in),
        price_impact_bps=max(0, part_bps(ideal - real, ideal)),
        arrays=used,
    )


def replay(
    accounts: Mapping[str, Account], roles: Mapping[str, object], *, forward: bool, amount_in: int, now: int
) -> Priced:
    """Price a recorded swap; `roles` names the pool and its bin arrays."""
    snapshot = Snapshot(slot=0, now=now, accounts=accounts)
    return quote(str(roles["pool"]), snapshot, amount_in, recorded_arrays(roles, "bin_arrays"), forward=forward)


def _walk(
    pool: str,
    pair: Pair,
    snapshot: Snapshot,
    amount_in: int,
    arrays: Mapping[int, str],
    *,
    forward: bool,
    most_bins: int | None,
) -> tuple[int, int, tuple[int, ...]]:
    """Go from bin to bin until the input is used up: what they gave, the fee, and the arrays that were reached."""
    curve, fee_on_output = fee_curve(pair, snapshot.now), pair.fee_on_y and forward
    left, gross, fee, filled, used = amount_in, 0, 0, 0, list[int]()
    no_liquidity = Refused("no_liquidity", "the pair has not so much to give")
    for index in array_order(pair.bitmap, pair.active_array, down=forward):
        data = check_array(find_array(snapshot, arrays, index), pool, index, PROGRAM)
        used.append(index)
        for holding in bins(data, index, pair.active_id, forward=forward, orders=pair.orders):
            if not pair.end_ids[0] <= holding.bin_id <= pair.end_ids[1]:
                raise no_liquidity
            if filled == most_bins:
                raise Refused("too_many_bins", "the swap needs more bins than one transaction has time for")
            filled += 1
            rate = curve.rate(holding.bin_id)
            net = left if fee_on_output else left - ceil_div(left * rate, BILLION)
            rest, got = _fill(holding, net, forward=forward)
            gross += got
            if fee_on_output:
                part = 0
                fee += ceil_div(got * rate, BILLION)
            else:
                # A bin that ends the swap keeps all that is left; one that does not, the fee of what it took.
                part = ceil_div((net - rest) * rate, BILLION - rate) if rest else left - net
                fee += part
            left -= net - rest + part
            if not rest:
                return gross, fee, tuple(used)
    raise no_liquidity


def _fill(holding: Bin, net: int, *, forward: bool) -> tuple[int, int]:
    """Buy from a bin: what is left to spend, and what was bought."""
    price, got = holding.price, 0
    for place, held in enumerate(holding.held):
        # With nothing left to spend, the program looks at a bin's own amount, but not at its orders.
        if place and not net:
            break
        full = ceil_div(held * Q64, price) if forward else ceil_div(held * price, Q64)
        if full > U64_MAX:
            raise Refused("fill_overflow", "a bin costs more than an amount can be")
        if net < full:
            return 0, got + (net * price // Q64 if forward else net * Q64 // price)
        net -= full
        got += held
    return net, got
