"""Raydium CLMM: liquidity that changes from tick to tick, with a fee on the input.

Exact against the program's build of April 2024. What newer builds have added (dynamic fees, limit orders, fees on one
side) is refused, and so are Token-2022 mints and prices beyond the pool's own bitmap.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import field, frozen

from bestfill.units import U64_MAX
from bestfill_adapters.solana.account import Account, Refused, Snapshot, checked, discriminator
from bestfill_adapters.solana.market import Priced
from bestfill_adapters.solana.quoting.amounts import ceil_div, check_input, check_output, part_bps, vault_balance
from bestfill_adapters.solana.quoting.arrays import array_order, find_array, recorded_arrays
from bestfill_adapters.solana.quoting.ticks import MOST_TICK, Q64, TICKS, check_array, sqrt_price_at, ticks

PROGRAM: Final = "CAMMCzo5YL8w4VFF8KVHrK22GGUsp5VTaW7grrKgrWqK"
MILLION: Final = 10**6

_POOL_BYTES: Final = 1544
_CONFIG_BYTES: Final = 117
_POOL, _CONFIG = discriminator("PoolState"), discriminator("AmmConfig")
_SWAPS_OFF: Final = 16
_U128_MAX: Final = 2**128 - 1
_LEAST_PRICE, _MOST_PRICE = sqrt_price_at(-MOST_TICK), sqrt_price_at(MOST_TICK)
"""The ends of all prices. No tick of a pool's own bitmap is at one, so no swap stops there, half done."""


@frozen(kw_only=True)
class Pool:
    """What a pool's account says; pairs are of sides 0 and 1. `sqrt_price` is Q64.64, token 1 per token 0."""

    config: str
    mints: tuple[str, str]
    vaults: tuple[str, str]
    observation: str
    spacing: int
    liquidity: int
    sqrt_price: int
    tick: int
    bitmap: bytes = field(repr=False)
    open_time: int

    @property
    def span(self) -> int:
        """How many ticks an array spans."""
        return TICKS * self.spacing

    def starts(self, *, forward: bool) -> Iterator[int]:
        """Give the first ticks of the arrays that exist, from the current one on, in walking order.

        Raises:
            Refused: the current one is outside of the pool's bitmap, which holds none that begins below all ticks.
        """
        if self.tick // self.span * self.span < -MOST_TICK:
            # The tested build looks for it in the bitmap's extension, and fails. Later builds can swap from there.
            raise Refused("bitmap_extension", "the pool's price is below the tick arrays of the pool's own bitmap")
        order = array_order(self.bitmap, self.tick // self.span, down=forward)
        return (index * self.span for index in order)


@frozen(kw_only=True)
class Swapped:
    """What a swap does: what comes out, the fee of the input, the price after it, and the arrays that it reached."""

    amount_out: int
    fee: int
    sqrt_price: int
    arrays: tuple[int, ...]


def read_mints(account: Account) -> tuple[str, str]:
    """Give a pool's mints 0 and 1, whether or not it can be quoted.

    Raises:
        Refused: it is no pool.
    """
    checked(account, PROGRAM, _POOL_BYTES, _POOL)
    return account.address(73), account.address(105)


def read_pool(account: Account) -> Pool:
    """Read a pool's account.

    Raises:
        Refused: it is no pool, or one whose rules are not all known here.
    """
    mints = read_mints(account)
    data = account.data
    if data[389] & _SWAPS_OFF:
        raise Refused("swaps_disabled", "the pool's swaps are switched off")
    if data[390]:
        raise Refused("fee_on", "the pool collects its fees in a way that is not understood")
    if any(data[1096:1176]):
        raise Refused("dynamic_fee", "the pool has a dynamic fee, which is not understood")
    spacing, sqrt_price, tick = account.unsigned(235, 2), account.unsigned(253, 16), account.signed(269, 4)
    if not spacing:
        raise Refused("tick_spacing", "the pool's ticks have no spacing")
    if not (_LEAST_PRICE <= sqrt_price < _MOST_PRICE and -MOST_TICK - 1 <= tick <= MOST_TICK):
        raise Refused("price_range", "the pool's price is out of range")
    return Pool(
        config=account.address(9),
        mints=mints,
        vaults=(account.address(137), account.address(169)),
        observation=account.address(201),
        spacing=spacing,
        liquidity=account.unsigned(237, 16),
        sqrt_price=sqrt_price,
        tick=tick,
        bitmap=data[904:1032],
        open_time=account.unsigned(1080, 8),
    )


def quote(
    pool: str,
    snapshot: Snapshot,
    amount_in: int,
    arrays: Mapping[int, str],
    *,
    forward: bool,
    most_ticks: int | None = None,
) -> Priced:
    """Say what a swap gives.

    Args:
        pool: its address.
        snapshot: has the accounts of the pool, its config, its vaults and its tick arrays.
        amount_in: base units.
        arrays: the addresses of the tick arrays that the swap may walk through, by first tick.
        forward: whether token 0 is swapped for token 1.
        most_ticks: so many ticks may be crossed; None is any number.

    Raises:
        Refused: the pool is not fully understood, or its program would refuse the swap; it does if nothing comes out.
    """
    state = read_pool(snapshot.get(pool))
    if snapshot.now <= state.open_time:
        raise Refused("not_open", "the pool is not open yet")
    rate = trade_rate(snapshot.get(state.config))
    balances = [
        vault_balance(snapshot.get(vault), mint, pool) for vault, mint in zip(state.vaults, state.mints, strict=True)
    ]
    check_input(amount_in, balances[0 if forward else 1])
    done = swapped(pool, state, snapshot, amount_in, arrays, rate, forward=forward, most_ticks=most_ticks)
    check_output(done.amount_out, balances[1 if forward else 0])
    # At the price before the swap, s² / 2¹²⁸, the net input would have paid this much.
    net, square = amount_in - done.fee, state.sqrt_price**2
    ideal, real = (net * square, done.amount_out * Q64**2) if forward else (net * Q64**2, done.amount_out * square)
    return Priced(
        amount_out=done.amount_out,
        fee=done.fee,
        fee_bps=part_bps(done.fee, amount_in),
        price_impact_bps=part_bps(ideal - real, ideal),
        arrays=done.arrays,
    )


def swapped(
    pool: str,
    state: Pool,
    snapshot: Snapshot,
    amount_in: int,
    arrays: Mapping[int, str],
    rate: int,
    *,
    forward: bool,
    most_ticks: int | None = None,
) -> Swapped:
    """Walk from tick to tick until the input is used up; arguments and errors as of `quote`, `rate` of a million."""
    price, liquidity, left, out, fee, crossed, used = state.sqrt_price, state.liquidity, amount_in, 0, 0, 0, list[int]()
    for start in state.starts(forward=forward):
        data = check_array(find_array(snapshot, arrays, start), pool, start, PROGRAM)
        used.append(start)
        found = False
        for tick, liquidity_net in ticks(data, start, state.spacing, state.tick, forward=forward):
            found = True
            target = sqrt_price_at(tick)
            if target > price if forward else target < price:
                raise Refused("wrong_tick", "the pool's price is not where its tick says")
            after, need, got = step(price, target, liquidity, left * (MILLION - rate) // MILLION, forward=forward)
            out += got
            if after != target:
                return Swapped(amount_out=out, fee=fee + left - need, sqrt_price=after, arrays=tuple(used))
            part = ceil_div(need * rate, MILLION - rate)
            fee += part
            left -= need + part
            price = target
            # A swap that ends just on a tick crosses it.
            liquidity += -liquidity_net if forward else liquidity_net
            if not 0 <= liquidity <= _U128_MAX:
                raise Refused("wrong_liquidity", "the liquidity of the pool's ticks does not add up")
            if not left:
                return Swapped(amount_out=out, fee=fee, sqrt_price=price, arrays=tuple(used))
            if crossed == most_ticks:
                raise Refused("too_many_ticks", "the swap crosses more ticks than one transaction has time for")
            crossed += 1
        if not found and start != state.tick // state.span * state.span:
            raise Refused("empty_array", "a tick array has no ticks, but the pool's bitmap says that it has")
    raise Refused("no_liquidity", "the pool has not so much to give")


def step(price: int, target: int, liquidity: int, net: int, *, forward: bool) -> tuple[int, int, int]:
    """Move the price towards a target while the liquidity stays the same.

    Args:
        price: where it is, as the square root, Q64.64.
        target: the next tick's: at most the price if `forward`, else at least.
        liquidity: may be 0, which is crossed at no cost.
        net: base units to spend, without the fee.
        forward: whether the price falls.

    Returns:
        The price after it, the input that this took, rounded up, and the output, rounded down.

    Raises:
        Refused: an amount is more than the program can count (`amount_overflow`), if only on the whole way to the
            target. Later builds than the tested one can count some of these.
    """
    cost, gain = (_amount0, _amount1) if forward else (_amount1, _amount0)
    after, need = target, cost(liquidity, price, target, up=True)
    if net < need:
        if forward:
            scaled = liquidity * Q64
            after = ceil_div(scaled * price, scaled + net * price)
        else:
            after = price + net * Q64 // liquidity
        need = cost(liquidity, price, after, up=True)
    return after, need, gain(liquidity, price, after, up=False)


def trade_rate(account: Account) -> int:
    """Give a config's fee rate, of a million.

    Raises:
        Refused: it is no config, or the fee is all (`fee_rate`).
    """
    checked(account, PROGRAM, _CONFIG_BYTES, _CONFIG)
    rate = account.unsigned(47, 4)
    if rate >= MILLION:
        raise Refused("fee_rate", "the pool's fee leaves nothing to swap")
    return rate


def replay(
    accounts: Mapping[str, Account], roles: Mapping[str, object], *, forward: bool, amount_in: int, now: int
) -> Priced:
    """Price a recorded swap; `roles` names the pool and its tick arrays."""
    snapshot = Snapshot(slot=0, now=now, accounts=accounts)
    return quote(str(roles["pool"]), snapshot, amount_in, recorded_arrays(roles, "tick_arrays"), forward=forward)


def _amount0(liquidity: int, one: int, other: int, *, up: bool) -> int:
    """Say how much of token 0 there is between two prices, rounded up or down."""
    low, high = sorted((one, other))
    scaled = liquidity * Q64 * (high - low)
    part = ceil_div(scaled, high) if up else scaled // high
    return _counted(ceil_div(part, low) if up else part // low, part)


def _amount1(liquidity: int, one: int, other: int, *, up: bool) -> int:
    """Say how much of token 1 there is between two prices, rounded up or down."""
    scaled = liquidity * abs(one - other)
    return _counted(ceil_div(scaled, Q64) if up else scaled // Q64)


def _counted(amount: int, part: int = 0) -> int:
    """Give an amount back, if it and what it is computed from are numbers that the program can count to."""
    if amount > U64_MAX or part > _U128_MAX:
        raise Refused("amount_overflow", "the way to the pool's next tick moves more than its program can count")
    return amount
