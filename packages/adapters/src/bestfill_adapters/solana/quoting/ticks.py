"""CLMM's ticks: where they are in their arrays, and their prices."""

from collections.abc import Iterator
from struct import Struct
from typing import Final

from bestfill_adapters.solana.account import Account, Refused, checked, discriminator

TICKS: Final = 60
"""To an array."""
MOST_TICK: Final = 443_636
Q64: Final = 2**64

_ARRAY_BYTES: Final = 10_240
_ARRAY: Final = discriminator("TickArrayState")
_FIRST_TICK: Final = 44
_TICK: Final = Struct("<i16s16s88xQQ28x")
"""The tick, its liquidity_net and liquidity_gross, and two amounts of limit orders."""
_TICK_BYTES: Final = _TICK.size
_EMPTY: Final = bytes(16)
_MOST_POWER: Final = 2**128 - 1
_ROOTS: Final = (
    0xFFFCB933BD6FB800,
    0xFFF97272373D4000,
    0xFFF2E50F5F657000,
    0xFFE5CACA7E10F000,
    0xFFCB9843D60F7000,
    0xFF973B41FA98E800,
    0xFF2EA16466C9B000,
    0xFE5DEE046A9A3800,
    0xFCBE86C7900BB000,
    0xF987A7253AC65800,
    0xF3392B0822BB6000,
    0xE7159475A2CAF000,
    0xD097F3BDFD2F2000,
    0xA9F746462D9F8000,
    0x70D869A156F31C00,
    0x31BE135F97ED3200,
    0x9AA508B5B85A500,
    0x5D6AF8DEDC582C,
    0x2216E584F5FA,
)
"""1.0001 to the power of −2ᵏ⁻¹, as Q64.64, with the program's roundings."""


def sqrt_price_at(tick: int) -> int:
    """Give the square root of the price at a tick, as Q64.64, rounded as the program does."""
    root, rest = Q64, abs(tick)
    for factor in _ROOTS:
        if rest & 1:
            root = root * factor >> 64
        rest >>= 1
    return _MOST_POWER // root if tick > 0 else root


def check_array(account: Account, pool: str, start: int, program: str) -> bytes:
    """Give the bytes of the array that starts at a tick.

    Raises:
        Refused: it is no tick array, of another pool, or another one of the pool's (`wrong_array`).
    """
    checked(account, program, _ARRAY_BYTES, _ARRAY)
    if account.address(8) != pool or account.signed(40, 4) != start:
        raise Refused("wrong_array", "a tick array is another than the one that was asked for")
    return account.data


def ticks(data: bytes, start: int, spacing: int, current: int, *, forward: bool) -> Iterator[tuple[int, int]]:
    """Give the initialised ticks of an array in walking order, each with its liquidity_net.

    Args:
        data: an array's bytes.
        start: its first tick.
        spacing: the pool's, between one tick and the next.
        current: the pool's tick; a walk down begins with it, a walk up with the next one.
        forward: whether the price falls.

    Raises:
        Refused: a tick has limit orders (`limit_orders`), or is not where it should be (`wrong_tick`).
    """
    slot = (current - start) // spacing
    slots = range(min(slot, TICKS - 1), -1, -1) if forward else range(max(slot + 1, 0), TICKS)
    for slot in slots:
        tick, net, gross, orders, filled_orders = _TICK.unpack_from(data, _FIRST_TICK + slot * _TICK_BYTES)
        if orders or filled_orders:
            raise Refused("limit_orders", "a tick that the swap may reach has limit orders, which are not understood")
        if gross == _EMPTY:
            continue
        if tick != start + slot * spacing or not -MOST_TICK <= tick <= MOST_TICK:
            raise Refused("wrong_tick", "a tick of the pool is not where it should be")
        yield tick, int.from_bytes(net, "little", signed=True)
